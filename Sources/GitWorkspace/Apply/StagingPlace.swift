import CSystemCalls

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the kernel and the workspace's file system can do for an apply.
package struct ApplyCapabilities: Hashable, Sendable {
    /// Two names are swapped in one step; without it a path is absent for a moment between two renames.
    package var exchange: Bool
    /// A directory is opened below the root in one call that follows no link; without it, component by component.
    package var openBeneath: Bool
    /// A file that is open for writing is told from one that is not; without it, files are read twice.
    package var readLease: Bool
    /// The file system keeps the executable bit.
    package var executableBit: Bool

    package init(exchange: Bool, openBeneath: Bool, readLease: Bool, executableBit: Bool) {
        self.exchange = exchange
        self.openBeneath = openBeneath
        self.readLease = readLease
        self.executableBit = executableBit
    }

    /// One sentence for each thing that is missing, to be said at `init`.
    package var notes: [String] {
        var notes: [String] = []
        if !exchange {
            notes.append(
                "this file system cannot swap two files in one step: an applied file is absent for an instant")
        }
        if !openBeneath {
            notes.append("this kernel has no openat2: directories are opened one component at a time")
        }
        if !readLease {
            notes.append(
                "no read leases here: a file that somebody holds open for writing cannot be told from others")
        }
        if !executableBit { notes.append("this file system keeps no executable bit: it is left out of comparisons") }
        return notes
    }
}

/// A directory of ours on the workspace's file system, outside the synced tree, where files wait to be exchanged.
struct StagingPlace: Sendable {
    var path: String
    var directory: Descriptor
    var capabilities: ApplyCapabilities

    static let rescueName = "rescued"

    /// The state directory if it is on the same mount, else a sibling of the root, else (the root is a mount point
    /// itself) a directory inside the user's `.git`, which is no part of the tree.
    static func choose(root: String, rootDirectory: Descriptor, state: String) throws(ApplyError) -> StagingPlace {
        var trimmed = root
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        let parts = trimmed.split(separator: "/", omittingEmptySubsequences: false)
        let parent = parts.dropLast().joined(separator: "/")
        let name = parts.last.map(String.init) ?? "workspace"
        let candidates = [
            "\(state)/staging", "\(parent)/.\(name).baton-staging", "\(trimmed)/.git/baton-staging",
        ]
        for candidate in candidates {
            guard let directory = make(candidate) else { continue }
            guard isReachable(from: rootDirectory, directory) else {
                rmdir(candidate)
                continue
            }
            let capabilities = try probe(directory, at: candidate, root: rootDirectory)
            return StagingPlace(path: candidate, directory: directory, capabilities: capabilities)
        }
        throw ApplyError.noStagingPlace(root: root, tried: candidates)
    }

    /// Nil if it cannot be made, or if the last component is a link.
    private static func make(_ path: String) -> Descriptor? {
        let made = mkdir(path, 0o700) == 0
        guard made || errno == EEXIST else { return nil }
        let number = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        return number < 0 ? nil : Descriptor(number)
    }

    /// A rename between the two directories stays on one mount. Asked with a name that does not exist, so that nothing
    /// is made or changed in the workspace: the kernel answers EXDEV before it looks the name up.
    private static func isReachable(from root: Descriptor, _ staging: Descriptor) -> Bool {
        do {
            let absent = Array("baton-no-such-file".utf8)
            try FileCalls.rename(staging, absent, root, absent)
            return false
        } catch { return error.code == ENOENT }
    }

    /// Tries each primitive on files of our own.
    private static func probe(
        _ directory: Descriptor, at path: String, root: Descriptor
    ) throws(ApplyError) -> ApplyCapabilities {
        let (first, second) = (Array("probe-a".utf8), Array("probe-b".utf8))
        defer {
            for name in [first, second] { unlinkat(directory.number, name.map { CChar(bitPattern: $0) } + [0], 0) }
        }
        do throws(CallFailure) {
            for name in [first, second] {
                let file = try FileCalls.open(directory, name, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
                try FileCalls.setPermissions(file, name == first ? 0o700 : 0o600)
            }
            let runs = try FileCalls.status(directory, first)?.isExecutable
            let rests = try FileCalls.status(directory, second)?.isExecutable
            return ApplyCapabilities(
                exchange: canExchange(directory, first, second), openBeneath: canOpenBeneath(root),
                readLease: canLease(directory, first), executableBit: runs == true && rests == false)
        } catch {
            throw ApplyError.system(operation: "write in", path: path, code: error.code)
        }
    }

    private static func canExchange(_ directory: Descriptor, _ first: [UInt8], _ second: [UInt8]) -> Bool {
        do {
            try FileCalls.exchange(directory, first, directory, second)
            return true
        } catch { return false }
    }

    private static func canOpenBeneath(_ root: Descriptor) -> Bool {
        let number = csystem_open_beneath(root.number, ".", O_RDONLY | O_DIRECTORY, 0)
        if number < 0 { return false }
        close(number)
        return true
    }

    private static func canLease(_ directory: Descriptor, _ name: [UInt8]) -> Bool {
        do {
            let file = try FileCalls.open(directory, name, O_RDONLY)
            guard case .taken(let lease) = ReadLease.take(file) else { return false }
            return lease.stands
        } catch { return false }
    }
}
