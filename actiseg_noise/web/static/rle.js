"use strict";
// Masks: COCO's compressed run lengths, column by column, background first.

/** Return the run lengths of a compressed string. */
function readRuns(counts) {
  const runs = [];
  let place = 0;
  while (place < counts.length) {
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

/** Call `paint(start, stop)` for every run of foreground, positions counted down the columns. */
function forEachRun(counts, paint) {
  let place = 0;
  readRuns(counts).forEach((length, i) => {
    if (i % 2) paint(place, place + length);
    place += length;
  });
}

/** Return a mask as Uint8Array of 0 and 1, row by row; null counts are an empty mask. */
function decodeMask(counts, height, width) {
  const mask = new Uint8Array(height * width);
  if (counts === null || counts === undefined) return mask;
  forEachRun(counts, (start, stop) => {
    for (let p = start; p < stop; p++) mask[(p % height) * width + Math.floor(p / height)] = 1;
  });
  return mask;
}

/** Return [intersection, union] of two masks in pixels. */
function overlapOf(one, other) {
  let both = 0;
  let any = 0;
  for (let i = 0; i < one.length; i++) {
    both += one[i] & other[i];
    any += one[i] | other[i];
  }
  return [both, any];
}
