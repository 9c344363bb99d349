//! The runtime by itself and inside other people's programs.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

const AMPLE: Duration = Duration::from_secs(5);

fn soon() -> Instant {
    Instant::now() + AMPLE
}

/// Tells when it is dropped, and on which thread.
struct Guard(mpsc::Sender<Option<String>>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().name().map(str::to_owned));
    }
}

/// A task that lives as long as the private thread.
fn watch(runtime: &Runtime) -> mpsc::Receiver<Option<String>> {
    let (sender, dropped) = mpsc::channel();
    let guard = Guard(sender);
    runtime.shared.handle.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    dropped
}

/// The system's threads with our name, those for name lookups included.
#[cfg(target_os = "linux")]
fn private_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == THREAD_NAME)
        .count()
}

#[test]
fn work_runs_on_the_private_thread() {
    let runtime = Runtime::start().unwrap();
    let name = runtime.run(None, async { thread::current().name().map(str::to_owned) });
    assert_eq!(name.unwrap().as_deref(), Some(THREAD_NAME));
}

#[test]
fn giving_up_drops_the_work_on_the_private_thread() {
    let runtime = Runtime::start().unwrap();
    let (sender, dropped) = mpsc::channel();
    let guard = Guard(sender);
    let start = Instant::now();
    let result = runtime.run(Some(start + Duration::from_millis(50)), async move {
        let _guard = guard;
        pending::<()>().await;
    });
    assert_eq!(result, Err(RunError::TimedOut));
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(start.elapsed() < AMPLE);
    let thread = dropped.recv_timeout(AMPLE).unwrap();
    assert_eq!(thread.as_deref(), Some(THREAD_NAME));
}

#[test]
fn a_deadline_in_the_past_gives_up_at_once() {
    let runtime = Runtime::start().unwrap();
    let result = runtime.run(Some(Instant::now()), pending::<()>());
    assert_eq!(result, Err(RunError::TimedOut));
}

#[test]
fn the_deadline_holds_though_the_private_thread_is_stuck() {
    let runtime = Runtime::start().unwrap();
    let (release, stuck) = mpsc::channel::<()>();
    runtime.shared.handle.spawn(async move {
        let _ = stuck.recv();
    });
    let start = Instant::now();
    let result = runtime.run(Some(start + Duration::from_millis(50)), async { 1 });
    assert_eq!(result, Err(RunError::TimedOut));
    assert!(start.elapsed() < AMPLE);
    drop(release);
    assert_eq!(runtime.run(Some(soon()), async { 2 }), Ok(2));
}

#[test]
fn a_panic_reaches_its_caller_only() {
    let runtime = Runtime::start().unwrap();
    let other = {
        let runtime = runtime.clone();
        thread::spawn(move || {
            runtime.run(Some(soon()), async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                7
            })
        })
    };
    let result = runtime.run(Some(soon()), async { panic!("on purpose, by a test") });
    assert_eq!(result, Err::<(), _>(RunError::Gone));
    assert_eq!(other.join().unwrap(), Ok(7));
    assert_eq!(runtime.run(Some(soon()), async { 8 }), Ok(8));
}

#[test]
fn a_thread_that_died_gives_an_error_and_no_hang() {
    let mut runtime = Runtime::start().unwrap();
    let gone = watch(&runtime);
    // What no code does: the thread is told to end while a handle is still there.
    let shared = Arc::get_mut(&mut runtime.shared).unwrap();
    shared.stop.take().unwrap().send(()).unwrap();
    gone.recv_timeout(AMPLE).unwrap();
    assert_eq!(runtime.run(None, async { 1 }), Err(RunError::Gone));
    assert_eq!(runtime.run(Some(soon()), async { 1 }), Err(RunError::Gone));
}

#[test]
fn work_under_way_when_the_thread_dies_gives_an_error_and_no_hang() {
    let mut runtime = Runtime::start().unwrap();
    let shared = Arc::get_mut(&mut runtime.shared).unwrap();
    let stop = shared.stop.take();
    let waiting = thread::spawn(move || runtime.run(None, pending::<()>()));
    thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    drop(stop);
    assert_eq!(waiting.join().unwrap(), Err(RunError::Gone));
}

#[test]
fn calling_from_the_private_thread_is_an_error_and_no_deadlock() {
    let runtime = Runtime::start().unwrap();
    let inner = runtime.clone();
    let result = runtime.run(Some(soon()), async move { inner.run(None, async { 1 }) });
    assert_eq!(result, Ok(Err(RunError::Gone)));
}

#[test]
fn the_thread_ends_with_the_last_handle() {
    let runtime = Runtime::start().unwrap();
    let gone = watch(&runtime);
    let second = runtime.clone();
    drop(runtime);
    assert_eq!(second.run(Some(soon()), async { 1 }), Ok(1));
    assert!(gone.try_recv().is_err());
    drop(second);
    gone.recv_timeout(AMPLE).unwrap();
}

#[test]
fn the_last_handle_may_be_dropped_on_the_private_thread() {
    let runtime = Runtime::start().unwrap();
    let gone = watch(&runtime);
    let other = runtime.clone();
    let (go, wait) = oneshot::channel::<()>();
    runtime.shared.handle.spawn(async move {
        let _ = wait.await;
        drop(other);
    });
    drop(runtime);
    assert!(gone.try_recv().is_err());
    go.send(()).unwrap();
    gone.recv_timeout(AMPLE).unwrap();
}

#[test]
fn dropping_does_not_wait_for_a_name_lookup_that_hangs() {
    let runtime = Runtime::start().unwrap();
    let (release, stuck) = mpsc::channel::<()>();
    let started = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&started);
    runtime.shared.handle.spawn_blocking(move || {
        flag.store(true, Ordering::SeqCst);
        let _ = stuck.recv();
    });
    while !started.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    let gone = watch(&runtime);
    let start = Instant::now();
    drop(runtime);
    assert!(start.elapsed() < Duration::from_millis(100));
    gone.recv_timeout(AMPLE).unwrap();
    drop(release);
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left_behind() {
    // In a process of its own: the other tests have threads of the same name.
    const CHILD: &str = "FARADAY_TEST_THREADS";
    if std::env::var_os(CHILD).is_none() {
        let test = "runtime::tests::no_thread_is_left_behind";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    assert_eq!(private_threads(), 0);
    for _ in 0..20 {
        let runtime = Runtime::start().unwrap();
        runtime.run(Some(soon()), async {}).unwrap();
        assert!(private_threads() >= 1);
    }
    let end = Instant::now() + AMPLE;
    while private_threads() > 0 {
        assert!(Instant::now() < end, "{} are left", private_threads());
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn many_threads_share_it() {
    let runtime = Runtime::start().unwrap();
    let total = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            let (runtime, total) = (runtime.clone(), Arc::clone(&total));
            scope.spawn(move || {
                for _ in 0..1000 {
                    let total = Arc::clone(&total);
                    let work = async move { total.fetch_add(1, Ordering::SeqCst) };
                    runtime.run(Some(soon()), work).unwrap();
                }
            });
        }
    });
    assert_eq!(total.load(Ordering::SeqCst), 8000);
}

/// Somebody else's program, on one thread.
pub(crate) fn current_thread() -> tokio::runtime::Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Somebody else's program, on several threads.
pub(crate) fn multi_thread() -> tokio::runtime::Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// Starts, calls, times out and drops: all of it in the place where it is called.
fn use_and_drop() {
    let runtime = Runtime::start().unwrap();
    let gone = watch(&runtime);
    let work = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        1
    };
    assert_eq!(runtime.run(Some(soon()), work), Ok(1));
    assert_eq!(runtime.run(None, async { 2 }), Ok(2));
    let short = Some(Instant::now() + Duration::from_millis(5));
    assert_eq!(runtime.run(short, pending::<()>()), Err(RunError::TimedOut));
    drop(runtime);
    gone.recv_timeout(AMPLE).unwrap();
}

#[test]
fn works_and_drops_inside_a_current_thread_program() {
    current_thread().block_on(async {
        use_and_drop();
        tokio::time::sleep(Duration::from_millis(1)).await;
        tokio::spawn(async { use_and_drop() }).await.unwrap();
        tokio::task::spawn_blocking(use_and_drop).await.unwrap();
        let local = tokio::task::LocalSet::new();
        local.run_until(async { use_and_drop() }).await;
    });
}

#[test]
fn works_and_drops_inside_a_multi_thread_program() {
    multi_thread().block_on(async {
        use_and_drop();
        let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(async { use_and_drop() })).collect();
        for task in tasks {
            task.await.unwrap();
        }
        tokio::task::spawn_blocking(use_and_drop).await.unwrap();
        tokio::task::block_in_place(use_and_drop);
    });
}

#[test]
fn a_handle_made_outside_may_be_used_and_dropped_inside() {
    let runtime = Runtime::start().unwrap();
    let gone = watch(&runtime);
    let theirs = multi_thread();
    theirs.block_on(async move {
        assert_eq!(runtime.run(Some(soon()), async { 1 }), Ok(1));
    });
    gone.recv_timeout(AMPLE).unwrap();
    // And dropped together with the program's own runtime.
    let runtime = Runtime::start().unwrap();
    let gone = watch(&runtime);
    theirs.spawn(async move {
        let _runtime = runtime;
        pending::<()>().await;
    });
    drop(theirs);
    gone.recv_timeout(AMPLE).unwrap();
}

#[test]
fn handing_over_costs_microseconds() {
    let runtime = Runtime::start().unwrap();
    let mut times: Vec<_> = (0..5000)
        .map(|_| {
            let start = Instant::now();
            runtime.run(Some(soon()), async {}).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    let median = times[times.len() / 2];
    println!("hand-over: median {median:?}, 99th {:?}", times[4950]);
    // Generous: a debug build on a busy machine. A poll or a sleep in the way would show.
    assert!(median < Duration::from_micros(500), "{median:?}");
}
