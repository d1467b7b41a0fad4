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

        package var description: String {
            switch self {
            case .hot: "it kept changing while it was read"
            case .unreadable(let code): "it cannot be read: \(SystemFault.text(code))"
            case .special: "it is a pipe, socket or device"
            case .nestedRepository: "it is a git repository of its own"
            case .forbiddenName: "git refuses its name"
            case .tooDeep: "it is nested too deeply"
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
}
