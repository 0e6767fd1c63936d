// One call of the API. It never throws: what went wrong is part of the answer.

const patience = 20000; // two silent nodes take Nginx less

// Times are in ms, code is a problem's or "". An answer is lost that did not arrive or is not the API's: what was
// asked for may have been done.
export async function ask(method, path, { body, headers } = {}) {
	try {
		const r = await fetch(path, {
			method,
			headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }), ...headers },
			body: body && JSON.stringify(body),
			credentials: 'same-origin',
			cache: 'no-store',
			redirect: 'error',
			signal: AbortSignal.timeout(patience),
		});
		const number = (name) => 1000 * (parseInt(r.headers.get(name), 10) || 0);
		const ours = /json/.test(r.headers.get('Content-Type'));
		if (r.ok && !ours && r.status !== 204) return lost;
		const doc = ours ? await r.json() : {};
		return {
			status: r.status,
			doc,
			code: r.ok ? '' : doc.code || 'status-' + r.status,
			age: number('Age'),
			retryAfter: number('Retry-After'),
			retried: r.headers.has('Onsale-Retried'),
			lost: false,
		};
	} catch {
		return lost;
	}
}

const lost = { status: 0, doc: {}, code: 'lost', age: 0, retryAfter: 0, retried: false, lost: true };

// passing reports whether the same request may succeed later.
export const passing = (a) => a.lost || a.status >= 500 || a.status === 429 || a.status === 408;

export const later = (e, tries) => e.at + e.answer.retryAfter + 200 + e.random * Math.min(10000, 500 * 2 ** tries);

export const signedOut = (s, e) => ({
	...s, notice: s.session ? { code: 'unauthorized' } : s.notice, session: null, sessionTries: s.sessionTries + 1, sessionAt: e.at + Math.min(60000, 250 * 2 ** s.sessionTries),
});
