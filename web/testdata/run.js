// Runs the tests of the page's modules in a browser: run() returns what failed.

export function equal(got, want, what = '') {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what} got ${a}, want ${b}`);
}

export async function run(files) {
  const failed = [];
  let count = 0;
  for (const file of files) {
    const { tests } = await import(file);
    for (const [name, test] of Object.entries(tests)) {
      count++;
      try {
        await test();
      } catch (e) {
        failed.push(`${file}: ${name}: ${e.stack}`);
      }
    }
  }
  return { Count: count, Failed: failed };
}
