//! Turns a panic inside sled into an error.
//!
//! sled panics on some damage. Every entry to it that can meet damage goes through [`catch`]. The panic hook is
//! wrapped once, and stays silent only for a panic on a thread that is inside [`catch`].

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Calls `inner`; a panic becomes its message. What `inner` was working on must not be used afterwards.
pub(crate) fn catch<T>(inner: impl FnOnce() -> T) -> Result<T, String> {
    wrap_hook_once();
    let outside = INSIDE.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(inner));
    INSIDE.set(outside);
    result.map_err(|payload| format!("sled panicked: {}", message(payload.as_ref())))
}

fn wrap_hook_once() {
    static WRAP: Once = Once::new();
    WRAP.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !INSIDE.get() {
                hook(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .chars()
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{INSIDE, catch};

    #[test]
    fn a_panic_becomes_its_message_and_nothing_stays_silenced() {
        assert_eq!(catch(|| 5), Ok(5));
        assert_eq!(
            catch(|| -> u8 { panic!("page {} is odd", 3) }),
            Err("sled panicked: page 3 is odd".into())
        );
        let nested = catch(|| (catch(|| -> u8 { panic!("inner") }), INSIDE.get()));
        assert_eq!(nested, Ok((Err("sled panicked: inner".into()), true)));
        assert!(!INSIDE.get());
    }
}
