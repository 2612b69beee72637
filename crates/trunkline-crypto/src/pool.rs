//! The thread pool that batch calls share. It is made on first use, and made anew after a fork, whose child has
//! the parent's memory but none of its threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Most threads that can be asked for.
pub const MAX_THREADS: usize = 256;

const TASKS_PER_THREAD: usize = 8;
const MAX_CHUNK: usize = 16;

struct OwnedPool {
    process: u32,
    threads: ThreadPool,
}

// Lock-free, because a lock that another thread holds at the moment of a fork stays locked in the child for ever.
static POOL: ArcSwapOption<OwnedPool> = ArcSwapOption::const_empty();

/// Number of threads that batch calls use.
#[must_use]
pub fn threads() -> usize {
    current().threads.current_num_threads()
}

/// Makes batch calls that start from now on use `count` threads (at least 1, at most `MAX_THREADS`).
pub fn set_threads(count: usize) {
    replace(build(count.clamp(1, MAX_THREADS)));
}

/// Runs `work` in the pool, so that rayon's parallel iterators inside it use the pool's threads.
pub fn install<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    current().threads.install(work)
}

/// How many of `count` elements one task of the pool takes: few enough that all threads end at about the same time,
/// enough that what a task shares between its elements costs little. To be called inside [`install`].
#[must_use]
pub fn chunk_size(count: usize) -> usize {
    count.div_ceil(TASKS_PER_THREAD * rayon::current_num_threads()).clamp(1, MAX_CHUNK)
}

fn current() -> Arc<OwnedPool> {
    if let Some(pool) = POOL.load_full() {
        if pool.process == std::process::id() {
            return pool;
        }
    }
    let fresh = build(std::thread::available_parallelism().map_or(1, NonZeroUsize::get));
    replace(Arc::clone(&fresh));
    fresh
}

fn replace(pool: Arc<OwnedPool>) {
    if let Some(old) = POOL.swap(Some(pool)) {
        if old.process != std::process::id() {
            // Its threads exist only in the parent, and ending them here would wait for them.
            std::mem::forget(old);
        }
    }
}

fn build(count: usize) -> Arc<OwnedPool> {
    let threads = ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|index| format!("trunkline-{index}"))
        .build()
        .expect("the operating system starts threads");
    Arc::new(OwnedPool { process: std::process::id(), threads })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_count_is_what_was_set_and_never_zero() {
        set_threads(2);
        assert_eq!(threads(), 2);
        assert_eq!(install(rayon::current_num_threads), 2);
        set_threads(0);
        assert_eq!(threads(), 1);
    }
}
