//! The inner loops: one operation over the values of a strip.
//!
//! Each loop is written once, and compiled twice: for any machine and for processors with AVX2. Which operations there
//! are, and in which order a program wants them, is not known here.

mod edge;
mod loops;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use edge::{Load, fill, store};
pub(crate) use loops::{Operand, select};
pub(crate) use rules::{Binary, Unary};

/// Which of the two forms of each loop is used. Results do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernels {
    /// Never true where the processor has no AVX2.
    avx2: bool,
}

impl Kernels {
    /// The loops that run on any machine.
    pub fn portable() -> Kernels {
        Kernels { avx2: false }
    }

    /// The fastest loops that this processor has.
    pub fn detect() -> Kernels {
        #[cfg(target_arch = "x86_64")]
        let avx2 = std::arch::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = false;
        Kernels { avx2 }
    }

    /// Whether the loops for AVX2 may be used.
    fn has_avx2(self) -> bool {
        self.avx2
    }
}

/// Makes of a loop, which must be inlined always, one function that runs it in the best form that is there.
macro_rules! in_both_forms {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident<$($generic:ident: $bound:path),*>(
            $($argument:ident: $type:ty),* $(,)?
        ) $(-> $result:ty)? = $body:ident;
    ) => {
        $(#[$attribute])*
        $visibility fn $name<$($generic: $bound),*>(
            kernels: $crate::kernel::Kernels, $($argument: $type),*
        ) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<$($generic: $bound),*>($($argument: $type),*) $(-> $result)? {
                    $body::<$($generic),*>($($argument),*)
                }
                if kernels.has_avx2() {
                    // SAFETY: such kernels are only made where the processor was found to have AVX2.
                    return unsafe { avx2::<$($generic),*>($($argument),*) };
                }
            }
            $body::<$($generic),*>($($argument),*)
        }
    };
}
pub(crate) use in_both_forms;
