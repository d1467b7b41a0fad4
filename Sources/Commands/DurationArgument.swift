import ArgumentParser

/// `500ms`, `10s`, `5m`, `2h`, `1d` on the command line.
struct DurationArgument: Hashable, Sendable {
    var duration: Duration

    init(text: String) throws(ValidationError) {
        guard let duration = Duration(words: text) else {
            throw ValidationError("A time is a number with its unit, as 500ms, 10s, 5m, 2h or 1d")
        }
        self.duration = duration
    }
}
