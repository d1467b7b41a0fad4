import Dispatch

/// Carries an actor's work on a thread of its own, where system calls and children may block.
final class BlockingExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async { @Sendable in job.runSynchronously(on: executor) }
    }
}

/// The same for async functions that belong to no actor (the apply) but block all the same.
final class BlockingTasks: TaskExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        queue.async { @Sendable in job.runSynchronously(on: executor) }
    }
}
