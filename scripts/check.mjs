// `npm run check`: types, lint, format, import rules, unused code, and whether the guests are what their sources make.
import { runChecks } from './checks.mjs';

const results = await runChecks();
if (results.some(({ state }) => state === 'failed')) process.exitCode = 1;
