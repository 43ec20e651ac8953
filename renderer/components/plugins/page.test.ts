import { expect, test } from 'vitest';
import { renderPage } from './page';

test('Markdown becomes HTML', () => {
  expect(renderPage('# drop-sipi\n\nLoses *one*.\n\n| a | b |\n|---|---|\n| 1 | `2` |')).toMatch(
    /^<h1>drop-sipi<\/h1>\n<p>Loses <em>one<\/em>.<\/p>\n<table>[\s\S]*<code>2<\/code>/,
  );
});

test.each([
  ['<script>alert(1)</script>', '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n'],
  ['<img src=x onerror=alert(1)>', '<p>&lt;img src=x onerror=alert(1)&gt;</p>\n'],
  ['[a](javascript:alert(1))', '<p>[a](javascript:alert(1))</p>\n'],
  ['[a](app://reveille/)', '<p>[a](app://reveille/)</p>\n'],
])('%s is shown as it stands', (text, html) => {
  expect(renderPage(text)).toBe(html);
});

test('a picture loads nothing, and a link says nothing of where it was followed', () => {
  expect(renderPage('![a](https://example.org/a.png)')).not.toContain('<img');
  expect(renderPage('[a](https://example.org/)')).toBe(
    '<p><a href="https://example.org/" target="_blank" rel="noopener noreferrer">a</a></p>\n',
  );
});
