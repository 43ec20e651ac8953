/** A plugin's page, README.md, as HTML. Its author is not trusted: HTML in it is shown as text, and it loads nothing. */
import MarkdownIt from 'markdown-it';

const markdown = new MarkdownIt({ html: false, linkify: false }).disable('image');
const { validateLink } = markdown;
// Of the links that it lets through by itself (no javascript:, vbscript:, file:, data:), those that lead to the web.
markdown.validateLink = (url) => validateLink(url) && url.startsWith('https://');
markdown.renderer.rules['link_open'] = (tokens, index, options, _env, self) => {
  tokens[index].attrSet('target', '_blank');
  tokens[index].attrSet('rel', 'noopener noreferrer');
  return self.renderToken(tokens, index, options);
};

export function renderPage(text: string): string {
  return markdown.render(text);
}
