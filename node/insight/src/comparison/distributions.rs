//! Tails of the normal and of Student's distribution.

use std::f64::consts::PI;

/// Where the continued fraction is exact enough, and where it is given up.
const PRECISION: (f64, u32) = (1e-14, 500);
/// Instead of zero in a denominator.
const TINY: f64 = 1e-300;

/// The probability that a standard normal value is farther from 0 than `z`, on either side.
///
/// Relative error below 1.2 × 10⁻⁷.
///
/// # Source
/// erfc by Chebyshev fitting: Press et al., *Numerical Recipes*, 2nd edition, 6.2 (`erfcc`).
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    const FIT: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let x = z.abs() / 2.0_f64.sqrt();
    let t = 1.0 / (1.0 + 0.5 * x);
    let polynomial = FIT.iter().fold(0.0, |sum, factor| sum * t + factor);
    t * (-x * x + polynomial).exp()
}

/// The probability that Student's t with `freedom` degrees is farther from 0 than `t`, on either
/// side: I_x(ν/2, 1/2) with x = ν / (ν + t²).
///
/// # Source
/// Abramowitz and Stegun, 26.7.1 and 26.5.27.
pub(crate) fn student_two_sided(t: f64, freedom: f64) -> f64 {
    if !t.is_finite() {
        return 0.0;
    }
    incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
}

/// The t that a two-sided probability of `p` belongs to, by bisection to about nine digits.
pub(crate) fn student_quantile(p: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_two_sided(high, freedom) > p && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if student_two_sided(middle, freedom) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function I_x(a, b); a and b positive, x from 0 to 1.
///
/// # Source
/// DLMF 8.17.22 (<https://dlmf.nist.gov/8.17.E22>), evaluated by Lentz's method as in *Numerical
/// Recipes*, 6.4; 8.17.4 where that converges faster.
pub(crate) fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let ln_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta).exp() / a;
    front * beta_fraction(a, b, x)
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let off_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / off_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..PRECISION.1 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / off_zero(1.0 + term * d);
            c = off_zero(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < PRECISION.0 {
            break;
        }
    }
    fraction
}

/// ln Γ(x) for x > 0, to about fifteen digits.
///
/// # Source
/// Lanczos, *A Precision Approximation of the Gamma Function*, 1964, with g = 7 and nine terms
/// (Godfrey's coefficients).
pub(crate) fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Euler's reflection.
        return (PI / (PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let mut sum = 0.999_999_999_999_809_9;
    let mut step = 1.0;
    for term in TERMS {
        sum += term / (x + step);
        step += 1.0;
    }
    let t = x + 7.5;
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}
