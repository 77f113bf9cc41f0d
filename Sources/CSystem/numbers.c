#define _GNU_SOURCE
#include "CSystem.h"

#include <math.h>
#include <stdio.h>

// Doubles as decimal text and back, exactly as printf("%.17g") and strtod do it, but without them for the numbers
// that are common: scaled by a power of ten, those fit in 128 bits, so that plain integers give the exact result.

typedef unsigned __int128 wide;

// Powers of five that fit in 64 bits.
enum { fives = 28 };
static uint64_t five[fives];
static uint64_t ten[20];

__attribute__((constructor)) static void fill_powers(void) {
    five[0] = ten[0] = 1;
    for (int i = 1; i < fives; i++) five[i] = five[i - 1] * 5;
    for (int i = 1; i < 20; i++) ten[i] = ten[i - 1] * 10;
}

// ---- writing ---------------------------------------------------------------------------------

static int write_integer(int64_t value, char *out) {
    char digits[20];
    int n = 0, at = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) out[at++] = '-';
    while (n > 0) out[at++] = digits[--n];
    return at;
}

// 17 significant digits of a number between 1e-4 and 2^52 that is not whole; `exponent` becomes that of the first.
static uint64_t seventeen_digits(uint64_t mantissa, int shift, int *exponent) {
    for (int power = *exponent;; ) {
        // value * 10^(16 - power) = mantissa * 5^(16 - power) >> right
        int scale = 16 - power, right = shift - scale;
        wide product = (wide)mantissa * five[scale];
        uint64_t whole = (uint64_t)(product >> right);
        if (whole >= ten[17]) {
            power++;
            continue;
        }
        if (whole < ten[16]) {
            power--;
            continue;
        }
        wide rest = product & (((wide)1 << right) - 1), half = right ? (wide)1 << (right - 1) : 1;
        if (rest > half || (rest == half && right && whole & 1)) whole++;
        if (whole == ten[17]) {
            whole = ten[16];
            power++;
        }
        *exponent = power;
        return whole;
    }
}

static int write_fraction(double value, char *out) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    uint64_t mantissa = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    int binary = (int)(bits >> 52 & 2047) - 1023;
    // log10(2) is 1233/4096, nearly; an estimate that is wrong by one is mended.
    int exponent = (binary * 1233) >> 12;
    uint64_t number = seventeen_digits(mantissa, 52 - binary, &exponent);
    char digits[17];
    for (int i = 16; i >= 0; i--) {
        digits[i] = (char)('0' + number % 10);
        number /= 10;
    }
    int count = 17, at = 0;
    while (digits[count - 1] == '0') count--;
    if (bits >> 63) out[at++] = '-';
    if (exponent < 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = exponent + 1; i < 0; i++) out[at++] = '0';
        memcpy(out + at, digits, (size_t)count);
        return at + count;
    }
    int whole = exponent + 1;
    for (int i = 0; i < whole; i++) out[at++] = i < count ? digits[i] : '0';
    if (count <= whole) return at;
    out[at++] = '.';
    memcpy(out + at, digits + whole, (size_t)(count - whole));
    return at + count - whole;
}

int cs_format_double(double value, char *out, size_t capacity) {
    double size = fabs(value);
    if (size < 1e17 && capacity >= 32) {
        int64_t whole = (int64_t)value;
        if ((double)whole == value && (whole != 0 || !signbit(value))) return write_integer(whole, out);
        if (size >= 1e-4 && size < 0x1p52) return write_fraction(value, out);
    }
    if (isinf(value)) return snprintf(out, capacity, value > 0 ? "inf" : "-inf");
    if (isnan(value)) return snprintf(out, capacity, "nan");
    return snprintf(out, capacity, "%.17g", value);
}

int cs_format_decimals(double value, int decimals, char *out, size_t capacity) {
    int n = snprintf(out, capacity, "%.*f", decimals, value);
    return n < (int)capacity ? n : (int)capacity - 1;
}

int cs_format_human(double value, char *out, size_t capacity) {
    int n = snprintf(out, capacity, "%.17Lf", (long double)value);
    if (n >= (int)capacity) return (int)capacity - 1;
    if (memchr(out, '.', (size_t)n)) {
        while (out[n - 1] == '0') n--;
        if (out[n - 1] == '.') n--;
    }
    if (n == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        n = 1;
    }
    return n;
}

// ---- reading ---------------------------------------------------------------------------------

// mantissa / 10^power, rounded to the nearest double. The mantissa is not 0, power 1 to 27.
static double divide_by_ten(uint64_t mantissa, int power) {
    uint64_t divisor = five[power];
    int shift = 64 + __builtin_clzll(mantissa);
    // The quotient of a number of 128 bits has 64 bits or more; the double is made of its highest 53.
    wide dividend = (wide)mantissa << shift, quotient = dividend / divisor;
    int sticky = quotient * divisor != dividend;
    int exponent = -shift - power;
    uint64_t high = (uint64_t)(quotient >> 64);
    int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)quotient);
    int drop = bits - 53;
    wide rest = quotient & (((wide)1 << drop) - 1), half = (wide)1 << (drop - 1);
    uint64_t kept = (uint64_t)(quotient >> drop);
    if (rest > half || (rest == half && (sticky || kept & 1))) kept++;
    return ldexp((double)kept, exponent + drop);
}

// [sign] digits [. digits] of at most 19 digits that count: what most scores look like. 0 if it is something else.
static int parse_plain(const char *text, size_t length, double *out) {
    size_t i = 0;
    int negative = 0;
    if (length && (text[0] == '-' || text[0] == '+')) negative = text[i++] == '-';
    uint64_t mantissa = 0;
    int seen = 0, counted = 0, fraction = -1;
    for (; i < length; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9) {
            if (text[i] != '.' || fraction >= 0) return 0;
            fraction = 0;
            continue;
        }
        if (counted == 19) return 0;
        mantissa = mantissa * 10 + digit;
        counted += mantissa != 0;
        fraction += fraction >= 0;
        seen = 1;
    }
    if (!seen || fraction > 27) return 0;
    double value;
    if (mantissa == 0 || fraction <= 0) {
        value = (double)mantissa;
    } else if (mantissa < (uint64_t)1 << 53 && fraction <= 19) {
        // Both are exact and the division rounds once, if the divisor is one of the powers that doubles hold.
        value = (double)mantissa / (double)ten[fraction];
    } else {
        value = divide_by_ten(mantissa, fraction);
    }
    *out = negative ? -value : value;
    return 1;
}

/// Copies text for strtod and its kin, which want its end marked. Answers 0 if it is too long or empty, begins with a
/// space (which they would skip) or has a NUL in it (where they would stop).
static int copy_number(const char *text, size_t length, char *buffer, size_t capacity) {
    if (length == 0 || length >= capacity) return 0;
    memcpy(buffer, text, length);
    buffer[length] = 0;
    return buffer[0] != ' ' && !(buffer[0] >= '\t' && buffer[0] <= '\r') && strlen(buffer) == length;
}

int cs_parse_double(const char *text, size_t length, double *out) {
    if (parse_plain(text, length, out)) return 0;
    char buffer[512];
    if (!copy_number(text, length, buffer, sizeof buffer)) return -1;
    char *end;
    errno = 0;
    *out = strtod(buffer, &end);
    if (*end != 0 || isnan(*out)) return -1;
    if (errno == ERANGE && (*out == HUGE_VAL || *out == -HUGE_VAL || fpclassify(*out) == FP_ZERO)) return -1;
    return 0;
}

int cs_parse_bound(const char *text, size_t length, double *out) {
    if (parse_plain(text, length, out)) return 0;
    char buffer[512];
    if (length >= sizeof buffer) return -1;
    memcpy(buffer, text, length);
    buffer[length] = 0;
    char *end;
    *out = strtod(buffer, &end);
    return *end == 0 && !isnan(*out) ? 0 : -1;
}

static int parse_long_double(const char *text, size_t length, long double *out) {
    char buffer[5 * 1024];
    if (!copy_number(text, length, buffer, sizeof buffer)) return -1;
    char *end;
    errno = 0;
    *out = strtold(buffer, &end);
    if (*end != 0 || isnan(*out)) return -1;
    if (errno == ERANGE && (*out == HUGE_VALL || *out == -HUGE_VALL || fpclassify(*out) == FP_ZERO)) return -1;
    return 0;
}

int cs_parse_weight(const uint8_t *text, size_t length, double *out) {
    char small[512];
    char *copy = length < sizeof small ? small : malloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = 0;
    char *end;
    errno = 0;
    *out = strtod(copy, &end);
    int wrong = *end != 0 || errno == ERANGE || isnan(*out);
    if (copy != small) free(copy);
    return wrong ? -1 : 0;
}

int cs_parse_seconds(const char *text, size_t length, int64_t *milliseconds) {
    long double seconds;
    if (parse_long_double(text, length, &seconds)) return -1;
    long double rounded = ceill(seconds * 1000.0L);
    if (!(rounded < 9223372036854775808.0L && rounded >= -9223372036854775808.0L)) return -2;
    *milliseconds = (int64_t)rounded;
    return 0;
}

int cs_add_long_doubles(const char *old, size_t old_length, const char *increment, size_t increment_length, char *out, size_t capacity) {
    long double a, b;
    if (parse_long_double(old, old_length, &a)) return -1;
    if (parse_long_double(increment, increment_length, &b)) return -2;
    long double sum = a + b;
    if (isnan(sum) || isinf(sum)) return -3;
    // 17 digits after the point, then without the zeros that say nothing.
    int n = snprintf(out, capacity, "%.17Lf", sum);
    if (n <= 0 || (size_t)n >= capacity) return -3;
    if (memchr(out, '.', (size_t)n)) {
        while (out[n - 1] == '0') n--;
        if (out[n - 1] == '.') n--;
    }
    if (n == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        n = 1;
    }
    return n;
}
