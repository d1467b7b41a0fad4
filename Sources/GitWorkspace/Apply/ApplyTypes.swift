import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One entry of a git tree that holds bytes: a file, an executable file or a symbolic link.
package struct TreeEntry: Hashable, Sendable {
    /// `0o100644`, `0o100755` or `0o120000`.
    package var mode: UInt32
    /// The object id of the blob in hexadecimal digits (40 or 64).
    package var blob: String

    package init(mode: UInt32, blob: String) {
        self.mode = mode
        self.blob = blob
    }

    package static let file: UInt32 = 0o100644
    package static let executable: UInt32 = 0o100755
    package static let link: UInt32 = 0o120000

    var isLink: Bool { mode == Self.link }
    var isKnownMode: Bool { mode == Self.file || mode == Self.executable || mode == Self.link }
}

/// What one path was when it was captured, and what it shall become. `nil` means "not there".
package struct PathChange: Hashable, Sendable {
    /// Relative to the workspace, components separated by `/`, the bytes as git stores them.
    package var path: [UInt8]
    package var old: TreeEntry?
    package var new: TreeEntry?

    package init(path: [UInt8], old: TreeEntry?, new: TreeEntry?) {
        self.path = path
        self.old = old
        self.new = new
    }

    /// The same bytes under another executable bit: nothing needs to be staged.
    var isModeOnly: Bool {
        guard let old, let new else { return false }
        return old.blob == new.blob && !old.isLink && !new.isLink
    }
}

/// Why a path was left as it is although nobody edited it.
package enum BlockReason: Hashable, Sendable, CustomStringConvertible {
    /// The name is not one that may be written into a workspace (`.git`, `..`, absolute, ...).
    case forbiddenName
    /// The tree holds something that is neither file nor link there.
    case unsupportedMode(UInt32)
    /// A link whose target is outside the workspace.
    case leavingLink
    /// A component of the path is a link, and links are never followed.
    case linkInTheWay
    case directoryInTheWay
    /// A parent of the path is no directory.
    case parentIsNoDirectory
    /// A FIFO, socket or device stands there.
    case specialFile
    /// A mount point between the workspace root and the path.
    case otherFileSystem
    /// A file of this device that captures leave out: the ignore rules, or a gate.
    case ownFile
    case system(Int32)

    /// It does not go away by itself: trying again is no use before something here changes.
    var lasts: Bool {
        switch self {
        case .system(let code): code == ENAMETOOLONG || code == EINVAL || code == EILSEQ
        default: true
        }
    }

    package var description: String {
        switch self {
        case .forbiddenName: "its name may not be written into a workspace"
        case .unsupportedMode(let mode): "it has mode \(String(mode, radix: 8)), which is neither file nor link"
        case .leavingLink: "it is a link that leaves the workspace"
        case .linkInTheWay: "one of its directories is a link"
        case .directoryInTheWay: "a directory that is not empty stands in its place"
        case .parentIsNoDirectory: "one of its directories is a file"
        case .specialFile: "a pipe, socket or device stands in its place"
        case .otherFileSystem: "it lies on another file system than the workspace"
        case .ownFile: "a file of this device stands in its place that is ignored or held back"
        case .system(let code): SystemFault.text(code)
        }
    }
}

/// A path that was left alone, and why.
package struct BlockedPath: Hashable, Sendable {
    package var path: [UInt8]
    package var reason: BlockReason
}

/// Bytes of a writer that fell between two exchanges: they are in `file`, not in the workspace.
package struct RescuedFile: Hashable, Sendable {
    package var path: [UInt8]
    /// What it was when it was captured, before somebody wrote to it; nil if there was nothing.
    package var old: TreeEntry?
    /// Absolute; it stays until somebody takes it.
    package var file: String
}

extension RescuedFile {
    static let noteSuffix = ".path"

    /// Says whose bytes they are, should nobody get to take them before a crash.
    var noteFile: String { file + Self.noteSuffix }

    var note: [UInt8] { path + [0] + Array((old.map { "\(String($0.mode, radix: 8)) \($0.blob)" } ?? "").utf8) }

    /// One that was left, by its note; without one it is called by its own name.
    init(at file: String) {
        self.file = file
        let fields = (DurableFile.read(file + Self.noteSuffix) ?? []).split(separator: 0).map(Array.init)
        path = fields.first ?? Array(file.split(separator: "/").suffix(2).joined(separator: "/").utf8)
        let words = String(decoding: fields.dropFirst().first ?? [], as: UTF8.self).split(separator: " ")
        if words.count == 2, let mode = UInt32(words[0], radix: 8) {
            old = TreeEntry(mode: mode, blob: String(words[1]))
        }
    }
}

/// What became of each path of one apply. Every path of the changes is in exactly one of the first four lists.
package struct ApplyReport: Hashable, Sendable {
    /// In place now, or there already with the same bytes.
    package var applied: [[UInt8]] = []
    /// Other bytes than those captured: left as the writer made them, to be captured and merged.
    package var late: [[UInt8]] = []
    /// Somebody holds the file open for writing: left, to be tried again.
    package var deferred: [[UInt8]] = []
    package var blocked: [BlockedPath] = []
    package var rescued: [RescuedFile] = []

    package init() {}

    /// All of the changes are in the workspace.
    package var isComplete: Bool { late.isEmpty && deferred.isEmpty && blocked.isEmpty && rescued.isEmpty }
}

/// What became of one path.
enum PathOutcome: Hashable, Sendable {
    case applied
    case late
    case deferred
    case blocked(BlockReason)
}

extension ApplyReport {
    mutating func add(_ path: [UInt8], _ outcome: PathOutcome) {
        switch outcome {
        case .applied: applied.append(path)
        case .late: late.append(path)
        case .deferred: deferred.append(path)
        case .blocked(let reason): blocked.append(BlockedPath(path: path, reason: reason))
        }
    }
}

/// Why an apply could not go on as a whole. No byte of the workspace is lost in any of these.
package enum ApplyError: Error, Hashable, Sendable {
    /// A system call on our own staging directory failed.
    case system(operation: String, path: String, code: Int32)
    /// No directory on the workspace's file system could be made for staging.
    case noStagingPlace(root: String, tried: [String])
    case content(blob: String, reason: String)
    /// A journal whose exchange had begun cannot be read.
    case corruptJournal(String)
    /// The round was begun and neither finished nor undone.
    case unfinished(RoundID)
    /// A test stopped the apply here, as a power cut would.
    case interrupted(String)

    package var message: String {
        switch self {
        case .system(let operation, let path, let code):
            "could not \(operation) \(path): \(SystemFault.text(code)); the workspace is as it was"
        case .noStagingPlace(let root, let tried):
            "no place on the file system of \(root) to stage files (tried \(tried.joined(separator: ", ")))"
        case .content(let blob, let reason): "the object \(blob) could not be staged: \(reason)"
        case .corruptJournal(let path): "the apply journal \(path) cannot be read; it was left as it is"
        case .unfinished(let round): "the apply of round \(round) was interrupted and not yet recovered"
        case .interrupted(let step): "stopped at: \(step)"
        }
    }

    package var hint: String {
        switch self {
        case .system(_, _, let code) where SystemFault.isFull(code): "free some space; the next round tries again"
        case .system: "check the permissions of the directory; the next round tries again"
        case .noStagingPlace: "put the workspace or BATON_HOME where both share a file system"
        case .content: "the object is fetched again from a peer with the next round: baton sync --now"
        case .corruptJournal: "the files it names are beside it; compare them with the workspace, then move it away"
        case .unfinished: "restart the agent: it finishes interrupted rounds first"
        case .interrupted: "recover"
        }
    }
}
