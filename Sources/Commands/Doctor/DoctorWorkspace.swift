import AgentRuntime
import CSystemCalls

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The workspace: its place, whether it can be watched, and what waits in it for somebody.
enum DoctorWorkspace {
    static let root: DoctorCheck = { scene in
        guard let status = scene.status else { return [] }
        let root = status.workspace.root
        var facts = stat()
        guard stat(root, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            return [.bad("Workspace", "\(root) is not there; nothing is captured until it is back")]
        }
        guard access(root, R_OK | W_OK | X_OK) == 0 else {
            return [.bad("Workspace", "\(root) cannot be written by this user")]
        }
        if let other = OtherSync.keeper(of: root) {
            let text = "\(root) lies where \(other) keeps files in step too: two of them tear files apart"
            return [.bad("Workspace", text)]
        }
        if let name = OtherSync.network(root) {
            return [.bad("Workspace", "\(root) is on \(name): its changes and renames cannot be trusted")]
        }
        return [.ok("Workspace", "\(root) on branch \(status.workspace.branch)")]
    }

    /// What waits for a person: conflicts, and paths that are held back.
    static let needs: DoctorCheck = { scene in
        guard let status = scene.status else { return [] }
        var findings: [Finding] = []
        if let waiting = status.devices.first(where: { $0.id == status.`self` })?.sync.waiting {
            findings.append(.note("Workspace", "it waits: \(waiting)"))
        }
        if status.conflicts.open > 0 {
            let text = "\(Words.count(status.conflicts.open, "conflict")) open, both versions are kept"
            findings.append(.note("Conflicts", text, remedy: scene.typed("conflicts")))
        }
        guard !status.held.isEmpty else { return findings }
        let names = status.held.prefix(3).map { "\($0.path) (\($0.reason))" }.joined(separator: ", ")
        let rest = status.held.count > 3 ? " and \(status.held.count - 3) more" : ""
        let allowed = status.held.first { $0.can_be_allowed }?.path
        findings.append(
            .note(
                "Held back", "\(Words.count(status.held.count, "path")): \(names)\(rest)",
                remedy: allowed.map { scene.typed("allow '\($0)'") }))
        return findings
    }

    private static let watchesFile = "/proc/sys/fs/inotify/max_user_watches"
    private static let foldersCounted = 2_000_000

    /// Linux: each folder takes a watch, and all programs of a user share a number of them.
    static let watches: DoctorCheck = { scene in
        guard let root = scene.status?.workspace.root,
            let limit = Int(Detached.text(of: watchesFile, from: 0).firstLine)
        else { return [] }
        let folders = Folders.count(below: root, atMost: min(limit, foldersCounted))
        guard folders * 5 > limit * 4 else {
            return [.ok("Watches", "\(Words.count(folders, "folder")) of \(limit) that can be watched")]
        }
        let enough = max(limit * 2, 524_288)
        let text =
            "\(folders) folders, and \(limit) watches for all programs: changes are found by looking, which is slow"
        return [.note("Watches", text, remedy: "sudo sysctl fs.inotify.max_user_watches=\(enough)")]
    }
}

extension String {
    var firstLine: String { split(whereSeparator: \.isNewline).first.map { Substring($0).trimmingSpaces } ?? "" }
}

/// Folders below a folder; git's own are not watched.
enum Folders {
    static func count(below root: String, atMost limit: Int) -> Int {
        var found = 1
        var waiting = [root]
        while let folder = waiting.popLast(), found < limit {
            guard let stream = opendir(folder) else { continue }
            defer { closedir(stream) }
            while let entry = readdir(stream) {
                guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if [".", "..", ".git"].contains(name) { continue }
                found += 1
                waiting.append(folder + "/" + name)
            }
        }
        return found
    }
}

/// Other programs that keep the same files in step, and file systems of other machines.
enum OtherSync {
    private static let folders = [
        ("Dropbox", "Dropbox"), ("OneDrive", "OneDrive"), ("Google Drive", "Google Drive"),
        ("Mobile Documents", "iCloud"), ("iCloudDrive", "iCloud"), ("Nextcloud", "Nextcloud"),
    ]

    static func keeper(of root: String) -> String? {
        let real = GlobalOptions.resolved(root)
        let parts = real.split(separator: "/").map(String.init)
        for (folder, name) in folders where parts.contains(where: { $0 == folder || $0.hasPrefix(folder + " - ") }) {
            return name
        }
        var path = ""
        for part in parts {
            path += "/" + part
            if access(path + "/.stfolder", F_OK) == 0 { return "Syncthing" }
            if access(path + "/.dropbox.cache", F_OK) == 0 { return "Dropbox" }
        }
        return nil
    }

    /// The name of a file system that is another machine's, by the numbers of statfs(2).
    static func network(_ root: String) -> String? {
        switch csystem_file_system_type(root) {
        case 0x6969: "NFS"
        case 0xFF53_4D42, 0x517B, 0xFE53_4D42: "SMB"
        case 0x0102_1997: "9P"
        default: nil
        }
    }
}
