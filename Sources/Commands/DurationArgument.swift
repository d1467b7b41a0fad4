import ArgumentParser

/// `500ms`, `10s`, `5m`, `2h`, `1d` on the command line.
struct DurationArgument: ExpressibleByArgument, Hashable, Sendable {
    var duration: Duration

    init?(argument: String) {
        guard let duration = Duration(words: argument) else { return nil }
        self.duration = duration
    }
}
