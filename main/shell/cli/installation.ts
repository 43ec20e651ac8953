/** Where the parts of an installed Reveille are. Only the entry file knows: it is never bundled into a chunk. */
export interface Installation {
  /** The built machine-process.js. */
  machineProcess: URL;
  /** The directory of the bundled guests. */
  guests: URL;
  /** The directory of the bundled plugins, and of the types that plugins are written against (api/). */
  plugins: URL;
  /** The directory of what `plugin new` begins with. */
  pluginTemplate: URL;
  /** The built typecheck-worker.js. */
  typeChecker: URL;
  packageJson: URL;
  /** The directory of the built renderer. */
  pages: URL;
}
