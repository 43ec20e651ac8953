/** Saves a canvas as it is as a PNG file, by the browser's download. */
export function saveCanvas(canvas: HTMLCanvasElement): void {
  canvas.toBlob((blob) => {
    if (blob === null) return;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = 'timeline.png';
    link.click();
    URL.revokeObjectURL(link.href);
  }, 'image/png');
}
