// Writes docs/plugin-api.md from the comments in plugins/api; with --check it only says whether that file is what they make.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = 'docs/plugin-api.md';
/** The files of the API, in a reader's order, with what each is about. */
const FILES = [
  { file: 'plugins/api/index.ts', title: 'Policies' },
  { file: 'plugins/api/values.ts', title: 'Values' },
  { file: 'plugins/api/manifest.ts', title: 'The manifest' },
  { file: 'plugins/api/tests.ts', title: 'Tests' },
];

/** The text of a doc comment, without its decoration. */
function commentText(source, range) {
  return source.text
    .slice(range.pos, range.end)
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}

/** The doc comment right before a node; empty where there is none. */
function commentOf(source, node) {
  const ranges = ts.getLeadingCommentRanges(source.text, node.pos) ?? [];
  const docs = ranges.filter(({ pos }) => source.text.startsWith('/**', pos));
  // The first one of a file is the file's, if another follows it or an import does.
  return docs.length === 0 ? '' : commentText(source, docs[docs.length - 1]);
}

/** The declaration as it is written, without its own doc comment. */
function codeOf(source, node) {
  return node.getText(source).replace(/^export /, '');
}

/** Comments are Markdown, but for code that is marked by its indentation, which must stand alone in any case. */
function memberLines(source, member) {
  const signature = member.getText(source).replace(/;$/, '').replace(/\s+/g, ' ');
  const comment = commentOf(source, member).replace(/\n/g, '\n  ');
  return `- \`${signature}\`${comment === '' ? '' : `\n  ${comment}`}`;
}

function section(source, node) {
  const parts = [`### ${node.name.text}`, commentOf(source, node)];
  // What has a comment of its own inside is told member by member; the rest is short enough to be read as it is.
  if (ts.isInterfaceDeclaration(node)) parts.push(node.members.map((member) => memberLines(source, member)).join('\n'));
  else parts.push(`\`\`\`ts\n${codeOf(source, node)}\n\`\`\``);
  return parts.filter((part) => part !== '').join('\n\n');
}

function chapter({ file, title }) {
  const text = readFileSync(root + file, 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const isDeclaration = (node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
  const exported = source.statements.filter(
    (node) => isDeclaration(node) && node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword),
  );
  const head = commentText(source, ts.getLeadingCommentRanges(text, 0)[0]);
  return [`## ${title}`, head, ...exported.map((node) => section(source, node))].join('\n\n');
}

const HEAD = `# Plugin API

Made by \`node scripts/api-reference.mjs\` from the comments in [plugins/api](../plugins/api). [plugins.md](plugins.md) is the
guide that begins at the beginning.`;

const made = `${[HEAD, ...FILES.map(chapter)].join('\n\n')}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(root + OUTPUT, made);
} else if (readFileSync(root + OUTPUT, 'utf8') !== made) {
  console.error(`${OUTPUT} is not what plugins/api makes: run "node scripts/api-reference.mjs".`);
  process.exitCode = 1;
}
