/** Exits a second as bars, the newest at the right; the height is logarithmic, so that one exit beside 100,000 still shows. */
import { POINTS, type RateHistory } from '../../streams/rate-history';

/** Of the highest bar. */
const FULL = 1e5;

export function barHeight(perSecond: number): number {
  return perSecond <= 0 ? 0 : Math.min(1, 0.08 + (0.92 * Math.log10(1 + perSecond)) / Math.log10(1 + FULL));
}

export function drawSparkline(canvas: HTMLCanvasElement, rates: RateHistory, cpu: number, colour: string): void {
  const ratio = window.devicePixelRatio;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.clearRect(0, 0, width, height);
  context.fillStyle = colour;
  const step = width / POINTS;
  const empty = POINTS - rates.length;
  for (let point = 0; point < rates.length; point++) {
    const bar = barHeight(rates.at(cpu, point)) * height;
    const left = Math.round((empty + point) * step);
    context.fillRect(left, height - bar, Math.max(1, Math.round((empty + point + 1) * step) - left - ratio), bar);
  }
}
