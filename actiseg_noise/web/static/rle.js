"use strict";
// Masks: COCO's compressed run lengths, column by column, background first. What is decoded stays column by column: a
// run is then one piece of memory, which is what makes large frames quick. They are turned once, to be shown.

/** Return the run lengths of a compressed string; null is no mask. */
function readRuns(counts) {
  const runs = [];
  let place = 0;
  while (counts && place < counts.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const code = counts.charCodeAt(place++) - 48;
      value |= (code & 31) << shift;
      more = (code & 32) !== 0;
      shift += 5;
      if (!more && (code & 16)) value |= -1 << shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** Return [start, stop] of every run of foreground, positions counted down the columns. */
function readSpans(counts) {
  const spans = [];
  let place = 0;
  readRuns(counts).forEach((length, i) => {
    if (i % 2) spans.push([place, place + length]);
    place += length;
  });
  return spans;
}

/** Return a mask as Uint8Array of 0 and 1, column by column. */
function decodeMask(counts, height, width) {
  const mask = new Uint8Array(height * width);
  for (const [start, stop] of readSpans(counts)) mask.fill(1, start, stop);
  return mask;
}

/** Return the spans that two lists of spans have in common. */
function commonSpans(ones, others) {
  const common = [];
  let [i, j] = [0, 0];
  while (i < ones.length && j < others.length) {
    const start = Math.max(ones[i][0], others[j][0]);
    const stop = Math.min(ones[i][1], others[j][1]);
    if (start < stop) common.push([start, stop]);
    if (ones[i][1] === stop) i++;
    else j++;
  }
  return common;
}

/** Return how many pixels spans hold. */
function areaOf(spans) {
  return spans.reduce((sum, [start, stop]) => sum + stop - start, 0);
}

/** Return [intersection, union] in pixels of two masks, from their runs alone. */
function overlapOf(counts, otherCounts) {
  const [ones, others] = [readSpans(counts), readSpans(otherCounts)];
  const both = areaOf(commonSpans(ones, others));
  return [both, areaOf(ones) + areaOf(others) - both];
}

/** Return pixels that lie column by column row by row, in squares that fit a processor's cache. */
function rowByRow(pixels, height, width, side = 32) {
  const turned = new Uint32Array(height * width);
  for (let left = 0; left < width; left += side) {
    for (let top = 0; top < height; top += side) {
      const [right, bottom] = [Math.min(left + side, width), Math.min(top + side, height)];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) turned[row * width + column] = pixels[column * height + row];
      }
    }
  }
  return turned;
}
