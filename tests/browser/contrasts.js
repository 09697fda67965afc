// Every text that is seen: how it stands out from what is behind it (WCAG 2), and which element it is.
// A pixel of a canvas tells the colours, since only the browser knows what mixed ones come to.
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const pixel = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colours) =>
    pixel(colours)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) =>
    element ? [...behind(element.parentElement), getComputedStyle(element).backgroundColor] : ["white"];
  const known = new Map();
  const ratio = (paper, ink) => {
    const key = [...paper, ink].join();
    if (!known.has(key)) {
      const [low, high] = [luminance(paper), luminance([...paper, ink])].sort((a, b) => a - b);
      known.set(key, (high + 0.05) / (low + 0.05));
    }
    return known.get(key);
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() && element.checkVisibility() && !element.closest(".spoken")) {
      found.push([ratio(behind(element), getComputedStyle(element).color), element.outerHTML.slice(0, 120)]);
    }
  }
  return found;
}
