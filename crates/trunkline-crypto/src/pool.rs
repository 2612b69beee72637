//! The thread pools that batch calls share: one for what somebody waits for, and one for bulk work, whose threads
//! have a lower priority. They are made on first use, and made anew after a fork, whose child has the parent's memory
//! but none of its threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Most threads that can be asked for.
pub const MAX_THREADS: usize = 256;

const TASKS_PER_THREAD: usize = 4;
const MAX_CHUNK: usize = 32;
/// How nice threads of bulk work are (nice(7)): they get a tenth of a contested processor, and all of an idle one.
const BULK_NICENESS: i32 = 10;

struct OwnedPools {
    process: u32,
    threads: ThreadPool,
    bulk: ThreadPool,
}

// Lock-free, because a lock that another thread holds at the moment of a fork stays locked in the child for ever.
static POOLS: ArcSwapOption<OwnedPools> = ArcSwapOption::const_empty();

/// Number of threads that batch calls use.
#[must_use]
pub fn threads() -> usize {
    current().threads.current_num_threads()
}

/// Makes batch calls that start from now on use `count` threads (at least 1, at most `MAX_THREADS`).
pub fn set_threads(count: usize) {
    replace(build(count.clamp(1, MAX_THREADS)));
}

/// Runs `work` in the pool, so that rayon's parallel iterators inside it use the pool's threads. Work that is in a
/// pool already stays there.
pub fn install<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_thread_index().is_some() {
        work()
    } else {
        current().threads.install(work)
    }
}

/// As [`install`], but in the pool of bulk work: a batch of a thousand neither makes a trace's few elements wait for
/// its end, nor competes with them for processors.
pub fn install_bulk<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    current().bulk.install(work)
}

/// How many of `count` elements one task of the pool takes: few enough that all threads end at about the same time,
/// enough that what a task shares between its elements costs little. To be called inside [`install`].
#[must_use]
pub fn chunk_size(count: usize) -> usize {
    count.div_ceil(TASKS_PER_THREAD * rayon::current_num_threads()).clamp(1, MAX_CHUNK)
}

fn current() -> Arc<OwnedPools> {
    if let Some(pools) = POOLS.load_full() {
        if pools.process == std::process::id() {
            return pools;
        }
    }
    let fresh = build(std::thread::available_parallelism().map_or(1, NonZeroUsize::get));
    replace(Arc::clone(&fresh));
    fresh
}

fn replace(pools: Arc<OwnedPools>) {
    if let Some(old) = POOLS.swap(Some(pools)) {
        if old.process != std::process::id() {
            // Its threads exist only in the parent, and ending them here would wait for them.
            std::mem::forget(old);
        }
    }
}

fn build(count: usize) -> Arc<OwnedPools> {
    let pool = |name: &'static str, niceness: i32| {
        ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(move |index| format!("{name}-{index}"))
            .start_handler(move |_| be_nice(niceness))
            .build()
            .expect("the operating system starts threads")
    };
    let (threads, bulk) = (pool("trunkline", 0), pool("trunkline-bulk", BULK_NICENESS));
    Arc::new(OwnedPools { process: std::process::id(), threads, bulk })
}

/// Makes this thread nicer than the process; where that is not possible, all threads are equal.
#[allow(unsafe_code)] // One call of the C library that takes and gives numbers.
fn be_nice(niceness: i32) {
    #[cfg(target_os = "linux")]
    if niceness > 0 {
        // SAFETY: no memory is involved. On Linux, "process 0" is the calling thread.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, niceness) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness; // Elsewhere the call would change the whole process.
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

    #[test]
    fn work_that_is_in_a_pool_stays_there() {
        let name = || std::thread::current().name().map(str::to_owned).unwrap_or_default();
        assert!(install(name).starts_with("trunkline-"));
        assert!(!install(name).starts_with("trunkline-bulk-"));
        assert!(install_bulk(name).starts_with("trunkline-bulk-"));
        assert!(install_bulk(|| install(name)).starts_with("trunkline-bulk-"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[allow(unsafe_code)] // One call of the C library that takes and gives numbers.
    fn bulk_work_has_a_lower_priority() {
        // SAFETY: no memory is involved.
        let niceness = || unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        assert_eq!(install_bulk(niceness), niceness().max(BULK_NICENESS));
        assert_eq!(install(niceness), niceness());
    }
}
