// A second hand for a page that is hidden.
setInterval(() => postMessage(0), 1000);
