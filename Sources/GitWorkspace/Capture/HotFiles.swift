import Primitives

/// Files that kept changing while they were read, and for how many captures in a row. After `Limits.hotRounds` a file
/// is captured once as it happens to be, and said to be unsettled: an old version of it for ever would be worse.
final class HotFiles {
    private var captures: [[UInt8]: Int] = [:]

    /// Counts one more capture; true if the file is due.
    func isDue(_ path: [UInt8]) -> Bool {
        let count = (captures[path] ?? 0) + 1
        captures[path] = count >= Limits.hotRounds ? nil : count
        return count >= Limits.hotRounds
    }

    /// What was read well is not hot any more.
    func cool(_ path: [UInt8]) { captures[path] = nil }
}
