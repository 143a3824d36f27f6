/* exp, log, tanh, sigmoid, erf and pow of float, without branches: one text that is compiled twice.
   ck_math.h makes functions of numbers from it, whose loops the compiler vectorises; native code
   has it as text (ck_function_text), over vectors. So it knows only ck_float and the like, chooses
   by ck_if and its like, and holds no preprocessor directive: it is the argument of a macro.
   ck_min(a, b) is a < b ? a : b, the processor's own instruction: b where either is NaN.

   Largest errors over all floats, in units in the last place, with fma and without: exp 1.02,
   log 0.88, tanh 1.99, sigmoid 1.93, erf 1.19; pow 0.51 of all pairs tried. Results are denormal,
   infinite or NaN where C's are, and have its signed zeros. */

CK_FUNCTION(
  /* e^x = (1 + returned) * 2^n with |x - n ln 2| <= ln 2 / 2, for |x| < 1e6. Adding 1.5 * 2^23
     rounds to an integer and leaves it in the low bits, which *low holds: 0x4b400000 + n. */
  CK_INLINE ck_float ck_exp_parts(ck_float x, ck_uint *low) {
    ck_float shifted = x * 1.44269504f + 12582912.0f;
    ck_float n = shifted - 12582912.0f;
    ck_float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    ck_float p = r * 1.38210237e-3f + 8.36867001e-3f;
    p = p * r + 4.16682623e-2f;
    p = p * r + 1.66665211e-1f;
    p = p * r + 4.9999994e-1f;
    *low = ck_float_bits(shifted);
    return p * (r * r) + r;
  })

CK_FUNCTION(
  /* e^x for -87 < x < 88. */
  CK_INLINE ck_float ck_exp_within(ck_float x) {
    ck_uint low;
    ck_float p = ck_exp_parts(x, &low);
    ck_float power = ck_bits_float((low + 127u) << 23);
    return p * power + power;
  })

CK_FUNCTION(
  /* e^x for x < 89. The power of 2 comes as two factors, so that only the result is denormal. */
  CK_INLINE ck_float ck_exp_below(ck_float x) {
    ck_uint low;
    ck_float p = ck_exp_parts(ck_max(ck_f(-104.0f), x), &low);
    ck_uint n = low - (0x4b400000u - 254u);
    ck_uint half = n >> 1;
    ck_float power = ck_bits_float(half << 23);
    return (p * power + power) * ck_bits_float((n - half) << 23);
  })

CK_FUNCTION(
  CK_INLINE ck_float ck_exp(ck_float x) {
    return ck_exp_below(ck_min(ck_f(89.0f), x));
  })

CK_FUNCTION(
  /* log(2^n m) = n ln 2 + log m with sqrt(1/2) <= m < sqrt(2). */
  CK_INLINE ck_float ck_log(ck_float x) {
    ck_float origin = ck_if(x < 1.17549435e-38f, ck_f(8388759.0f), ck_f(8388736.0f));
    ck_uint bits = ck_float_bits(ck_if(x < 1.17549435e-38f, x * 8388608.0f, x));
    ck_uint biased = bits + (0x40000000u - 0x3f3504f3u);
    ck_float n = ck_bits_float((biased >> 23) | 0x4b000000u) - origin;
    ck_float f = ck_bits_float(bits - ((biased & 0xff800000u) - 0x40000000u)) - 1.0f;
    ck_float s = f * f;
    ck_float p = f * 6.75095618e-2f - 1.16714492e-1f;
    p = p * f + 1.18835695e-1f;
    p = p * f - 1.24060318e-1f;
    p = p * f + 1.42203271e-1f;
    p = p * f - 1.66679963e-1f;
    p = p * f + 2.0002073e-1f;
    p = p * f - 2.50000089e-1f;
    p = p * f + 3.33333135e-1f;
    ck_float y = (f * s) * p - 0.5f * s;
    y = y - n * 2.12194440e-4f;
    y = (f + y) + n * 0.693359375f;
    y = ck_if(x < ck_infinity, y, x);
    y = ck_if(x == 0.0f, ck_f(-ck_infinity), y);
    return ck_if(x < 0.0f, ck_f(ck_nan), y);
  })

CK_FUNCTION(
  /* c / (c + c e^-x), where c = 0.75 * 2^-64, whose bits are 0x1f400000, keeps the power finite; and
     0.75 puts the sum half way between powers of 2 where the result is just below one, which costs a
     third less than if it were just above. */
  CK_INLINE ck_float ck_sigmoid(ck_float x) {
    ck_float most = ck_min(ck_f(40.0f), x);
    ck_uint low;
    ck_float p = ck_exp_parts(-ck_max(ck_f(-104.0f), most), &low);
    ck_float power = ck_bits_float((low << 23) + 0x1f400000u);
    return 4.06575815e-20f / ((p * power + 4.06575815e-20f) + power);
  })

CK_FUNCTION(
  /* -d / (d + 2) of d = e^-2|x| - 1, with the sign of x. Where e^-2|x| = 2^n e^2r and p = e^2r - 1,
     d is 2^n p + (2^n - 1): near 0, where n is 0, nothing cancels. The denominator is made likewise, not
     from d, whose rounding would count twice. It is below 2 where x is small, where rounding costs half
     of what it does above 2, as with e^2|x|. */
  CK_INLINE ck_float ck_tanh(ck_float x) {
    ck_float a = ck_max(ck_f(-10.0f), ck_bits_float(ck_float_bits(x) | 0x80000000u));
    /* 2^23 + 2^22 + 127: the bits of the sum end with those of the power's exponent. */
    ck_float shifted = a * 2.88539008f + 12583039.0f;
    ck_float r = a - (shifted - 12583039.0f) * 3.4657359e-1f;
    ck_float p = r * 8.89757201e-2f + 2.67748594e-1f;
    p = p * r + 6.66669011e-1f;
    p = p * r + 1.333323f;
    p = p * r + 2.0f;
    p = p * (r * r) + (r + r);
    ck_float power = ck_bits_float(ck_float_bits(shifted) << 23);
    ck_float y = (p * power + (power - 1.0f)) / (p * power + (power + 1.0f));
    ck_uint different = ck_float_bits(y) ^ ck_float_bits(x);
    return ck_bits_float((different & 0x7fffffffu) ^ ck_float_bits(x));
  })

CK_FUNCTION(
  /* 1 - erf(t) where 0.92 < t < 8.5, within 3e-8; polynomials of erf by N. Juffa. */
  CK_INLINE ck_float ck_erfc_far(ck_float t) {
    ck_float s = t * t;
    ck_float p = -1.72853470e-5f * t + 3.83197126e-4f;
    p = p * s + (-3.88396438e-3f * t + 2.42546219e-2f);
    p = p * t - 1.06777877e-1f;
    p = p * t - 6.34846687e-1f;
    p = p * t - 1.28717512e-1f;
    return ck_exp_within(p * t - t);
  })

CK_FUNCTION(
  /* erf(t) where |t| < 0.93. */
  CK_INLINE ck_float ck_erf_near(ck_float t) {
    ck_float s = t * t;
    ck_float p = -5.96761703e-4f * s + 4.99119423e-3f;
    p = p * s - 2.67681349e-2f;
    p = p * s + 1.12819925e-1f;
    p = p * s - 3.76125336e-1f;
    p = p * s + 1.28379166e-1f;
    return p * t + t;
  })

CK_FUNCTION(
  CK_INLINE ck_float ck_erf(ck_float x) {
    ck_uint sign = ck_float_bits(x) & 0x80000000u;
    ck_float a = ck_bits_float(ck_float_bits(x) & 0x7fffffffu);
    ck_float far = 1.0f - ck_erfc_far(ck_min(ck_f(4.0f), a));
    return ck_if(a < 0.927734375f, ck_erf_near(x), ck_bits_float(ck_float_bits(far) | sign));
  })

CK_FUNCTION(
  /* a^b in double for a > 0 that is a finite float: 2^(b log2 a), within 2^-33 of itself; results
     no float has are held at 2^-200 and 2^200. */
  CK_INLINE ck_double ck_power(ck_double a, ck_double b) {
    ck_ulong bits = ck_double_bits(a);
    ck_ulong biased = bits + (0x4000000000000000u - 0x3fe6a09e667f3bcdu);
    ck_double n = ck_bits_double((biased >> 52) | 0x4330000000000000u) - 4503599627371520.0;
    ck_double m = ck_bits_double(bits - ((biased & 0xfff0000000000000u) - 0x4000000000000000u));
    ck_double f = (m - 1.0) / (m + 1.0);
    ck_double s = f * f;
    ck_double p = s * 0.28290077661090024 + 0.31990566398221204;
    p = p * s + 0.412209252955828;
    p = p * s + 0.57707794236092469;
    p = p * s + 0.96179669411334989;
    p = p * s + 2.8853900817778504;
    ck_double w = b * (p * f + n);
    w = ck_if_double(w < -200.0, ck_d(-200.0), w);
    w = ck_if_double(w > 200.0, ck_d(200.0), w);
    ck_double shifted = w + 6755399441055744.0;
    ck_double r = w - (shifted - 6755399441055744.0);
    ck_double q = r * 1.5201917936186747e-05 + 0.00015469291106570739;
    q = q * r + 0.0013333922579233919;
    q = q * r + 0.0096180272537902626;
    q = q * r + 0.055504103534287051;
    q = q * r + 0.24022651198156558;
    q = q * r + 0.69314718072845294;
    q = q * r + 0.99999999996168021;
    return q * ck_bits_double((ck_double_bits(shifted) + 1023u) << 52);
  })

CK_FUNCTION(
  /* C's pow: the magnitude in double, then its special cases. */
  CK_INLINE ck_float ck_pow(ck_float x, ck_float y) {
    ck_float a = ck_bits_float(ck_float_bits(x) & 0x7fffffffu);
    ck_float b = ck_bits_float(ck_float_bits(y) & 0x7fffffffu);
    ck_float z = ck_in_double(ck_power, a, y);
    z = ck_if(((a == 0.0f) & (y < 0.0f)) | ((a == ck_infinity) & (y > 0.0f)), ck_f(ck_infinity), z);
    z = ck_if(((a == 0.0f) & (y > 0.0f)) | ((a == ck_infinity) & (y < 0.0f)), ck_f(0.0f), z);
    /* Between 2^23 and 2^24 the last bit of a float is the parity; it is after adding 2^23, too. */
    ck_float whole = ck_if(b < 8388608.0f, b + 8388608.0f, b);
    ck_float odd = ck_bits_float((ck_float_bits(whole) << 31) & ck_float_bits(x));
    odd = ck_if(((b < 8388608.0f) & (whole - 8388608.0f != b)) | (b >= 16777216.0f), ck_f(0.0f),
                odd);
    z = ck_bits_float(ck_float_bits(z) | ck_float_bits(odd));
    z = ck_if((x < 0.0f) & (a < ck_infinity) & (b < 8388608.0f) & (whole - 8388608.0f != b),
              ck_f(ck_nan), z);
    z = ck_if(x == x, z, x);
    return ck_if((y == 0.0f) | (x == 1.0f) | ((a == 1.0f) & (b == ck_infinity)), ck_f(1.0f), z);
  })
