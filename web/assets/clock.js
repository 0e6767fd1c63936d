// The server's clock, in ms since 1970, as an offset to performance.now(). The client's is never asked.

// A server_time is in the past when it arrives, by up to a second of caching and half a second of polling. So each is a
// lower bound, and the highest seen is the best. One that is far lower means that the server's clock was set back.
export function sample(offset, answer, at) {
	const time = Date.parse(answer.doc?.server_time);
	if (!time) return offset;
	const seen = time + answer.age - at;
	return offset === null || seen > offset || seen < offset - 10000 ? seen : offset;
}

export const clockOf = (s, at) => (s.offset === null ? null : at + s.offset);
