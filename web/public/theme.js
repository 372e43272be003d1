/* Before the first paint, so that a dark page never flashes white. A file of its own: the CSP allows no inline script. */
(function () {
  var mode = null;
  try {
    mode = localStorage.getItem('zx.theme');
  } catch (e) {
    /* storage switched off */
  }
  var dark = mode === 'dark' || (mode !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.classList.toggle('dark', dark);
})();
