export const greet = (name) => `hello, ${name}!`;
export const scale = (point, by) => ({ ...point, x: point.x * by, y: point.y * by });
export const total = (numbers) => numbers.reduce((sum, number) => sum + BigInt(number), 0n);
export const reversed = (words) => words.reverse();
export const next = (colour) => ({ red: 'green', green: 'blue', blue: 'red' })[colour];
export const withoutWrite = (access) => ({ ...access, write: false });
export const bytes = (data, add) => [data.map((byte) => byte + add), data.length];

export function parsed(text) {
  if (!/^-?[0-9]{1,6}$/.test(text)) throw `not a number: ${text}`;
  return Number(text);
}

export function points(shape) {
  switch (shape.tag) {
    case 'dot': return [];
    case 'circle': return [shape.val];
    case 'polygon': return shape.val;
  }
}
