/**
 * A package has the app in an archive, app.asar, into which only Electron's own processes see. What threads and other programs
 * load lies beside it (asarUnpack in electron-builder.mjs), at the same place of app.asar.unpacked.
 */
import { fileURLToPath } from 'node:url';

const IN_ARCHIVE = /\/app\.asar\//;

/** Where anybody can read what is at `url`; outside a package that is there. */
export function unpacked(url: URL): URL {
  return new URL(url.href.replace(IN_ARCHIVE, '/app.asar.unpacked/'));
}

/** The program that esbuild would look for in the archive; null: it finds it. `out`: the folder of the build. */
export function packagedEsbuild(out: URL): string | null {
  if (!IN_ARCHIVE.test(out.href)) return null;
  const program = `../node_modules/@esbuild/${process.platform}-${process.arch}/bin/esbuild`;
  return fileURLToPath(unpacked(new URL(program, out)));
}
