/*
 * The inner loops on neighbouring elements, compiled once for each instruction set: scale.c includes this
 * with KERNEL(name), the name of that set's function, and TARGET, the attribute that asks for it.
 *
 * Sixteen partial sums, added in one order, give the same bits on every processor.
 */
TARGET static double KERNEL(dot)(const float *a, const float *b, int64_t n) {
  double part[16] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int k = 0; k < 16; k++) part[k] += (double)a[i + k] * b[i + k];
  for (int k = 0; k < 16; k++) sum += part[k];
  for (; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

/* y = factor * x */
TARGET static void KERNEL(multiply)(float *y, const float *x, int64_t n, double factor) {
  for (int64_t i = 0; i < n; i++) y[i] = (float)(factor * x[i]);
}

/* dx = factor * (dy - along * x) */
TARGET static void KERNEL(gradient)(
    float *dx, const float *x, const float *dy, int64_t n, double factor, double along) {
  for (int64_t i = 0; i < n; i++) dx[i] = (float)(factor * (dy[i] - x[i] * along));
}

static const kernels KERNEL(kernels) = {KERNEL(dot), KERNEL(multiply), KERNEL(gradient)};
