import CSystemCalls
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A process that has a file of the workspace open for writing, as `/proc` shows it; elsewhere than on Linux nobody is
/// found. Of processes of other users nothing is known, unless this one is root's.
package struct OpenFile: Hashable, Sendable {
    package var pid: Int32
    /// As people know it: the program, or the script that an interpreter runs.
    package var name: String
    /// Relative to the workspace.
    package var path: String
    /// When the file was changed last, in nanoseconds since 1970.
    package var changed: Int64

    /// - Parameters:
    ///   - directory: the workspace's root, without links in it.
    ///   - groups: of registered writers; their processes are left out.
    package static func forWriting(below directory: String, except groups: [ProcessGroupID]) -> [OpenFile] {
        let writers = Set(groups.map(\.group))
        var found: [OpenFile] = []
        var left = Limits.openFilesLookedAt
        for pid in ProcessTable.names(in: "/proc").compactMap({ Int32($0) }).sorted() where pid != getpid() {
            guard found.count < Limits.outsideWriters, left > 0 else { break }
            let descriptors = ProcessTable.names(in: "/proc/\(pid)/fd")
            left -= descriptors.count
            for descriptor in descriptors {
                let link = "/proc/\(pid)/fd/\(descriptor)"
                guard let file = ProcessTable.link(link), file.hasPrefix(directory + "/"),
                    ProcessTable.isWritable("/proc/\(pid)/fdinfo/\(descriptor)"), !isIn(writers, pid)
                else { continue }
                var facts = stat()
                guard stat(link, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { continue }
                found.append(
                    OpenFile(
                        pid: pid, name: ProgramName.of(pid), path: String(file.dropFirst(directory.utf8.count + 1)),
                        changed: Self.changed(facts)))
            }
        }
        return found
    }

    /// Whether the process, or one that it descends from, is in one of the groups.
    private static func isIn(_ groups: Set<Int32>, _ pid: Int32) -> Bool {
        var next = pid
        for _ in 0..<64 {
            guard !groups.isEmpty, next > 1, let entry = ProcessTable.entry(next) else { return false }
            if groups.contains(entry.group) || groups.contains(entry.pid) { return true }
            next = entry.parent
        }
        return false
    }

    private static func changed(_ facts: stat) -> Int64 {
        #if canImport(Darwin)
            Int64(facts.st_ctimespec.tv_sec) * 1_000_000_000 + Int64(facts.st_ctimespec.tv_nsec)
        #else
            Int64(facts.st_ctim.tv_sec) * 1_000_000_000 + Int64(facts.st_ctim.tv_nsec)
        #endif
    }
}

/// What a process is called.
enum ProgramName {
    private static let interpreters = [
        "sh", "bash", "dash", "zsh", "fish", "node", "ruby", "perl", "php", "deno", "bun",
    ]

    static func of(_ pid: Int32) -> String {
        let bytes = ProcessTable.contents("/proc/\(pid)/cmdline") ?? []
        let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return from(words) ?? "process \(pid)"
    }

    /// `/usr/bin/python3 /home/me/nightly.py -v` is `nightly.py`; a login shell has a dash before its name.
    static func from(_ words: [String]) -> String? {
        guard let first = words.first, let program = base(first) else { return nil }
        let plain = program.hasPrefix("-") ? String(program.dropFirst()) : program
        let runs = interpreters.contains(plain) || plain.hasPrefix("python")
        guard runs, words.count > 1, !words[1].hasPrefix("-"), let script = base(words[1]) else { return cut(plain) }
        return cut(script)
    }

    private static func base(_ path: String) -> String? { path.split(separator: "/").last.map(String.init) }

    private static func cut(_ name: String) -> String { String(name.prefix(Limits.writerNameCharacters)) }
}
