import Primitives

/// The one clock of the demonstration: times that are shown, and deadlines of what is waited for.
struct Stopwatch: Sendable {
    private let began = ContinuousClock.now

    var elapsed: Duration { ContinuousClock.now - began }
}

extension Duration {
    /// `14 ms`, `3.2 s`.
    var shown: String {
        let milliseconds = wholeMilliseconds
        guard milliseconds >= 1000 else { return "\(milliseconds) ms" }
        return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    }
}
