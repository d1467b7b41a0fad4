import Primitives

/// A path that a capture left at its last captured version (or left out), and why.
package struct HeldPath: Hashable, Sendable {
    package enum Reason: Hashable, Sendable, CustomStringConvertible {
        /// It kept changing while it was read.
        case hot
        case unreadable(Int32)
        /// A FIFO, socket or device.
        case special
        /// A repository of its own, or a submodule.
        case nestedRepository
        /// A name that git or another member refuses.
        case forbiddenName
        case tooDeep
        /// A new file above the size that goes without a question.
        case tooLarge(Int64)
        /// A folder that brings more new files than go without a question; how many.
        case tooMany(Int)
        /// It is likely to hold a secret; what kind.
        case secret(String)
        /// Another member's file system cannot hold the name; why.
        case otherMembers(String)
        /// A filter by size or kind leaves it out; which one.
        case filtered(String)
        /// The same few files changed in round after round, and no others; who wrote them.
        case loop(String)
        /// Not held back: a published version of it cannot be put in place here; why.
        case unplaced(String)
        /// Not held back: it was captured in the middle of a change, because it never stopped changing.
        case unsettled

        /// A person can let it through; the others need another file.
        package var canBeAllowed: Bool {
            switch self {
            case .tooLarge, .tooMany, .secret, .otherMembers, .loop: true
            case .hot, .unreadable, .special, .nestedRepository, .forbiddenName, .tooDeep, .unsettled, .filtered,
                .unplaced:
                false
            }
        }

        package var description: String {
            switch self {
            case .hot: "it kept changing while it was read"
            case .unreadable(let code): "it cannot be read: \(SystemFault.text(code))"
            case .special: "it is a pipe, socket or device"
            case .nestedRepository: "it is a git repository of its own"
            case .forbiddenName: "git refuses its name"
            case .tooDeep: "it is nested too deeply"
            case .tooLarge(let bytes): "it is new and has \(max(1, bytes >> 20)) MiB"
            case .tooMany(let count): "it brings \(count) new files at once"
            case .secret(let kind): "it looks like a secret: \(kind)"
            case .otherMembers(let reason): "another device cannot hold its name: \(reason)"
            case .filtered(let rule): "left out by \(rule)"
            case .loop(let who):
                "set aside, as \(Limits.loopRounds) rounds in \(Limits.loopWindow.components.seconds / 60) min changed "
                    + "nothing else; written by \(who)"
            case .unplaced(let reason): "what was published cannot be put in place here: \(reason)"
            case .unsettled: "it never stopped changing and was captured as it was"
            }
        }
    }

    package var path: [UInt8]
    package var reason: Reason

    package init(path: [UInt8], reason: Reason) {
        self.path = path
        self.reason = reason
    }
}

/// How far the working tree is from its base, by a scan alone.
package struct Dirt: Hashable, Sendable {
    package var changed: Int
    package var held: [HeldPath]
    /// Files of the base that are gone; where they may have been moved to is not looked at.
    package var deleted: [[UInt8]] = []
    /// Paths that are set aside and were changed since the last look.
    package var moved: [[UInt8]] = []
    /// Why a capture would be kept to this device now: then nothing counts as changed, since no round would take it.
    package var withheld: String?
    /// Something of the user's is under way that an apply would wait for.
    package var isBusy = false
}
