/// Why this device's key could not be made or read. `message` is one line; `hint` says what to do.
package enum IdentityError: Error, Hashable, Sendable, CustomStringConvertible {
    case alreadyExists(path: String)
    case missing(path: String)
    case readableByOthers(path: String, mode: UInt32)
    case notOurs(path: String, owner: UInt32)
    case notAFile(path: String)
    case garbage(path: String)
    case badName(String)
    /// A file operation failed with this errno.
    case system(operation: String, path: String, errno: Int32)
    case cryptography(String)

    package var message: String {
        switch self {
        case .alreadyExists(let path): "there is already a device key at \(path)"
        case .missing(let path): "no device key at \(path)"
        case .readableByOthers(let path, let mode):
            "others may read \(path) (mode 0\(String(mode, radix: 8))), so it is no secret any more"
        case .notOurs(let path, let owner): "\(path) belongs to user \(owner), not to this user"
        case .notAFile(let path): "\(path) is not what it should be (a regular file in a directory, no link)"
        case .garbage(let path): "\(path) holds no key with its certificate: it is damaged or something else"
        case .badName(let name): "\(name.debugDescription) is no device name (1 to 63 bytes, no control characters)"
        case .system(let operation, let path, let errno):
            "cannot \(operation) \(path): \(FileSteps.text(errno))"
        case .cryptography(let detail): "no certificate could be made: \(detail)"
        }
    }

    package var hint: String {
        switch self {
        case .alreadyExists: "use it, or move it away to make this a new device"
        case .missing: "make one with: baton init, or: baton join"
        case .readableByOthers(let path, let mode):
            "chmod \(mode & 0o111 == 0 ? "600" : "700") \(path) if nobody else was here; else make a new key"
        case .notOurs: "run as the user who owns it, or choose another BATON_HOME"
        case .notAFile: "look what stands there, and choose another BATON_HOME if it is not ours"
        case .garbage: "restore it from a backup, or move it away and join as a new device"
        case .badName: "choose another with --name"
        case .system: "check the path, its permissions and the space left"
        case .cryptography: "this is a defect; please report it"
        }
    }

    package var description: String { "\(message); \(hint)" }
}
