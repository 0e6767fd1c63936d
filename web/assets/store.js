// What outlives the page: the buyer's place and order, and in this tab a purchase that is under way. The server has place and
// order as well.

const guarded = (f, fallback) => {
	try {
		return f();
	} catch {
		return fallback; // storage may be forbidden or full
	}
};
const read = (area, key) => guarded(() => JSON.parse(window[area].getItem(key)), null);
const write = (area, key, value) =>
	guarded(() => (value ? window[area].setItem(key, JSON.stringify(value)) : window[area].removeItem(key)));

const keyOf = (sale, buyer) => `onsale/${sale}/${buyer}`;

export const load = (sale, buyer) => ({
	...read('localStorage', keyOf(sale, buyer)),
	pending: read('sessionStorage', keyOf(sale, buyer)),
	join: read('sessionStorage', `onsale/${sale}`),
});

export function save(sale, s) {
	const key = keyOf(sale, s.session.buyer), p = s.purchase;
	const order = s.order && (s.order.state === 'held' || s.order.state === 'paid') ? s.order.id : s.known ? null : s.remembered;
	write('localStorage', key, (s.place || order) && { place: s.place, order });
	write('sessionStorage', key, p && { quantity: p.quantity, key: p.key, started: p.started });
	write('sessionStorage', `onsale/${sale}`, null);
}

// forget is for who signs out, perhaps on a device of others.
export const forget = (sale, buyer) => write('localStorage', keyOf(sale, buyer), null);

// joining notes that the buyer wants to join as soon as signing in leads back here.
export const joining = (sale, is) => write('sessionStorage', `onsale/${sale}`, is);

// The buyer left this tab to sign in.
export const signingIn = () => write('sessionStorage', 'onsale/sign-in', true);
export const signedIn = () => [read('sessionStorage', 'onsale/sign-in'), write('sessionStorage', 'onsale/sign-in')][0];

export const language = (chosen) => (chosen ? write('localStorage', 'onsale/language', chosen) : read('localStorage', 'onsale/language'));
