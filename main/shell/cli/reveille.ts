#!/usr/bin/env node
import { commandLine } from './command-line';

process.exitCode = await commandLine(process.argv.slice(2), {
  machineProcess: new URL('./machine-process.js', import.meta.url),
  guests: new URL('../resources/guests/', import.meta.url),
  plugins: new URL('../plugins/', import.meta.url),
  pluginTemplate: new URL('../resources/plugin-template/', import.meta.url),
  typeChecker: new URL('./typecheck-worker.js', import.meta.url),
  packageJson: new URL('../package.json', import.meta.url),
  pages: new URL('./renderer/', import.meta.url),
});
