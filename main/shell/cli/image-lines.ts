/** What was loaded, for who starts a machine: `reveille inspect` has all of it. */
import { imageHeadline, type ImageReport, rangeText } from '../../../preload/contract/image-report';

/** What the image is, where it and what is beside it are, and what it does not get. */
export function loadedLines(image: ImageReport, cmdline: string): string[] {
  const { segments, moreSegments, given, asks } = image;
  const more = moreSegments === 0 ? [] : [`${moreSegments} more segments`];
  const places = [...segments.map(rangeText), ...more, ...given.map(rangeText)];
  const ignored = asks.filter(({ answer }) => answer === 'ignored').map(({ what, why }) => `${what}: ${why}`);
  if (image.cmdline === 0 && cmdline !== '') ignored.push('the command line: this kind of image gets none');
  return [
    `image: ${imageHeadline(image)}`,
    `loaded ${places.join('; ')}`,
    ...(ignored.length === 0 ? [] : [`ignored ${ignored.join('; ')}`]),
  ];
}
