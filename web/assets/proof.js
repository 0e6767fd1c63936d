// A worker that solves a challenge in the form of ALTCHA: the number whose SHA-256 behind the salt is the challenge.
// The browser's own SHA-256 is asynchronous, which costs more than the hash, and is missing on plain http.

const K = new Uint32Array(64), H = new Uint32Array(8);
for (let n = 2, i = 0; i < 64; n++) {
	let prime = true;
	for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
	if (!prime) continue;
	if (i < 8) H[i] = (n ** (1 / 2) % 1) * 2 ** 32;
	K[i++] = (n ** (1 / 3) % 1) * 2 ** 32;
}

const w = new Uint32Array(64);

// compress adds the block at an offset of a message to a state of eight words.
function compress(h, block, offset) {
	for (let i = 0; i < 16; i++) w[i] = block.getUint32(offset + 4 * i);
	for (let i = 16; i < 64; i++) {
		const a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + ((a >>> 7 | a << 25) ^ (a >>> 18 | a << 14) ^ a >>> 3) + w[i - 7] + ((b >>> 17 | b << 15) ^ (b >>> 19 | b << 13) ^ b >>> 10);
	}
	let a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], i = h[7];
	for (let n = 0; n < 64; n++) {
		const x = (i + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[n] + w[n]) | 0;
		const y = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c)) | 0;
		i = g; g = f; f = e; e = (d + x) | 0; d = c; c = b; b = a; a = (x + y) | 0;
	}
	h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += i;
}

// solve returns the number, or -1 if there is none up to maxnumber.
export function solve({ salt, challenge, maxnumber }) {
	const text = new TextEncoder().encode(salt);
	const want = challenge.match(/.{8}/g).map((x) => parseInt(x, 16));
	const bytes = new Uint8Array((((text.length + 20) >> 6) + 2) << 6), view = new DataView(bytes.buffer), h = new Uint32Array(8);
	bytes.set(text);
	for (let n = 0; n <= maxnumber; n++) {
		const digits = String(n), length = text.length + digits.length, end = ((length + 8) >> 6) + 1 << 6;
		for (let i = 0; i < digits.length; i++) bytes[text.length + i] = digits.charCodeAt(i);
		bytes.fill(0, length, end);
		bytes[length] = 128;
		view.setUint32(end - 4, length * 8);
		h.set(H);
		for (let at = 0; at < end; at += 64) compress(h, view, at);
		if (h[0] === want[0] && h.every((x, i) => x === want[i])) return n;
	}
	return -1;
}

// payload is the proof as the API takes it; null if there is no solution.
export function payload(c) {
	const number = solve(c);
	const { algorithm, challenge, salt, signature } = c;
	return number < 0 ? null : btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
}

if (typeof WorkerGlobalScope !== 'undefined') onmessage = (e) => postMessage(payload(e.data));
