// Buys tickets from the page of a site, and resolves with the order. A refusal rejects with its problem document.
//
//   const order = await buy("demo", 2, token);
//
// Whatever is lost on the way, the same request is sent again: a buyer gets one order in a sale.
async function buy(sale, quantity, token) {
  const request = {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "Idempotency-Key": sale },
    body: JSON.stringify({ quantity }),
  };
  for (let attempt = 0; attempt < 8; attempt++) {
    let seconds = 1;
    try {
      const answer = await fetch(`/v1/sales/${sale}/orders`, { ...request, signal: AbortSignal.timeout(10000) });
      const body = await answer.json();
      if (answer.ok) return body;
      if (answer.status !== 429 && answer.status < 500) throw Object.assign(new Error(body.title), { problem: body });
      seconds = Number(answer.headers.get("Retry-After")) || 1;
    } catch (error) {
      if (error.problem) throw error; // anything else is a lost answer: send it again
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
  throw new Error("no answer after 8 attempts");
}
