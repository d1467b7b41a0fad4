import Glibc
import Primitives

/// The user's ignore rules: the `.gitignore` files of the workspace and the repository's `info/exclude`. They decide
/// what is added, never what is deleted. The machine's global rules do not count: they differ from device to device.
struct IgnoreRules {
    let store: Store
    let root: String
    /// Path of the user's `info/exclude`, if there is a repository.
    let excludes: String?

    /// Of `paths`, the ones to leave out.
    func ignored(_ paths: [[UInt8]]) throws(GitError) -> Set<Name> {
        if paths.isEmpty { return [] }
        let git = store.git(workTree: root, extra: ["GIT_LITERAL_PATHSPECS=0"])
        var input: [UInt8] = []
        // check-ignore refuses literal pathspecs; a name that begins with a colon is one only without "./".
        for path in paths { input += [46, 47] + path + [0] }
        let result = try git.runBlocking(
            ["-c", "core.excludesFile=\(excludes ?? "/dev/null")", "check-ignore", "--stdin", "-z", "--no-index"],
            from: .bytes(input), accepting: [0, 1])
        return Set(result.output.split(separator: 0).map { Name($0.dropFirst(2)) })
    }

    /// Changes with `info/exclude`.
    var signature: UInt64 {
        var raw = stat()
        guard let excludes, stat(excludes, &raw) == 0 else { return 1 }
        let stamp = Stamp(raw)
        return UInt64(bitPattern: stamp.changed) &* 0x9E37_79B9_7F4A_7C15 ^ stamp.inode
    }
}
