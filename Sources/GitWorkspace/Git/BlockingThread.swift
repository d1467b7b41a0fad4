import Dispatch

/// Runs blocking work away from the threads that carry Swift's tasks: a child, a scan or a slow disk must never make
/// the agent's heartbeat late.
enum BlockingThread {
    static func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable (Cancellation) throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let cancellation = Cancellation()
        let result: Result<Value, Failure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // A serial queue of its own gets a thread at once, however many others are blocked.
                DispatchQueue(label: "baton.git").async { @Sendable in
                    let result: Result<Value, Failure>
                    do throws(Failure) { result = .success(try body(cancellation)) } catch { result = .failure(error) }
                    continuation.resume(returning: result)
                }
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }
}
