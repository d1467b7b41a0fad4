import Primitives

/// Who wins where two devices changed a path and their lines do not go together. A policy never loses a version: the
/// other one is kept as a conflict's is. No policy compares clocks of two devices.
package enum MergePolicy: String, Hashable, Sendable, CaseIterable {
    /// What stands in the tree stays, and a person is asked.
    case keepBoth = "keep-both"
    /// The sync leader's version.
    case ours
    /// The version of the device that is not the leader.
    case theirs
    /// The lines of both, in the order of the merge.
    case union
    /// The version that was captured in the later round; in the same round, what stands in the tree.
    case newestRound = "newest-round"
}

/// Policies by pattern of the path; the last that matches counts.
package struct MergePolicies: Hashable, Sendable {
    package struct Rule: Hashable, Sendable {
        package var pattern: PathPattern
        package var policy: MergePolicy

        package init(_ pattern: String, _ policy: MergePolicy) {
            self.pattern = PathPattern(pattern)
            self.policy = policy
        }
    }

    package var rules: [Rule]

    /// Lines of journals are never at odds; before all others, so that any rule can say otherwise.
    package static let standard = Rule("*.jsonl", .union)

    package init(_ rules: [Rule] = []) { self.rules = [Self.standard] + rules }

    package func policy(for path: [UInt8]) -> MergePolicy {
        rules.last { $0.pattern.matches(path) }?.policy ?? .keepBoth
    }
}

/// A pattern of paths as in `.gitignore`: `*` and `?` stay within a name, `**` goes over folders; without a slash it is
/// held against the last name, with a final slash against everything below a folder.
package struct PathPattern: Hashable, Sendable {
    package let text: String
    private let bytes: [UInt8]
    private let isOfName: Bool

    package init(_ text: String) {
        self.text = text
        var pattern = Array(text.utf8)
        if pattern.last == 47 { pattern += Array("**".utf8) }
        if pattern.first == 47 { pattern.removeFirst() }
        isOfName = !text.utf8.contains(47)
        bytes = pattern
    }

    package func matches(_ path: [UInt8]) -> Bool {
        let subject = isOfName ? Array(path.split(separator: 47).last ?? []) : path
        return Self.matches(bytes, subject)
    }

    /// Goes back to the last star only, and to the last double star: linear in both lengths times each other.
    private static func matches(_ pattern: [UInt8], _ path: [UInt8]) -> Bool {
        // Which places of the path can be reached after so much of the pattern.
        var places: Set<Int> = [0]
        var at = 0
        while at < pattern.count, !places.isEmpty {
            var next: Set<Int> = []
            if pattern[at] == 42, at + 1 < pattern.count, pattern[at + 1] == 42 {
                at += 2
                // `**/` also stands for no folder at all.
                if at < pattern.count, pattern[at] == 47 {
                    at += 1
                    next = places
                    for place in places { for end in place..<path.count where path[end] == 47 { next.insert(end + 1) } }
                } else {
                    for place in places { next.formUnion(place...path.count) }
                }
            } else {
                for place in places {
                    switch pattern[at] {
                    case 42:
                        let end = path[place...].firstIndex(of: 47) ?? path.count
                        next.formUnion(place...end)
                    case 63: if place < path.count, path[place] != 47 { next.insert(place + 1) }
                    case let byte: if place < path.count, path[place] == byte { next.insert(place + 1) }
                    }
                }
                at += 1
            }
            places = next
        }
        return places.contains(path.count)
    }
}
