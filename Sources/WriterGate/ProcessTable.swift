#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What `/proc` says of processes. Elsewhere than on Linux it knows nothing, and nothing is claimed.
enum ProcessTable {
    struct Entry: Hashable, Sendable {
        let pid: Int32
        let state: UInt8
        let group: Int32
        /// Clock ticks after boot.
        let start: UInt64

        /// Stopped, traced or dead: it executes nothing.
        var isStill: Bool {
            [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: "Z"), UInt8(ascii: "X")].contains(state)
        }
    }

    static func entry(_ pid: Int32) -> Entry? { entry(at: "/proc/\(pid)/stat", pid) }

    /// Every process of `group`, the dead that were not reaped included.
    static func members(of group: Int32) -> [Entry] {
        names(in: "/proc").compactMap { Int32($0) }.compactMap(entry).filter { $0.group == group }
    }

    /// Whether no thread of any process of `group` can execute.
    static func isStill(group: Int32) -> Bool {
        members(of: group).allSatisfy { member in
            guard member.isStill else { return false }
            return names(in: "/proc/\(member.pid)/task").compactMap { Int32($0) }.allSatisfy { thread in
                entry(at: "/proc/\(member.pid)/task/\(thread)/stat", thread)?.isStill ?? true
            }
        }
    }

    /// A file below `directory` that a process of `group` has open for writing; the process itself where its files
    /// cannot be seen. Nil if there is none.
    static func openForWriting(below directory: String, group: Int32) -> String? {
        for member in members(of: group) where member.state != UInt8(ascii: "Z") {
            let descriptors = "/proc/\(member.pid)/fd"
            guard access(descriptors, R_OK) == 0 else {
                if entry(member.pid) == nil { continue }
                return "process \(member.pid)"
            }
            for name in names(in: descriptors) {
                guard let file = link("\(descriptors)/\(name)"), file.hasPrefix(directory + "/"),
                    isWritable("/proc/\(member.pid)/fdinfo/\(name)")
                else { continue }
                return file
            }
        }
        return nil
    }

    /// Continues `group` if its leader is still the process that was registered; a recycled id is never signalled.
    static func thaw(_ group: ProcessGroupID) -> Bool {
        guard group.group > 1, group.leaderStart > 0, let leader = entry(group.group), leader.group == group.group,
            leader.start == group.leaderStart
        else { return false }
        return kill(-group.group, SIGCONT) == 0
    }

    /// `pid (name) state ppid pgrp ...`, the start time being the 22nd; the name may hold anything, also `)`.
    private static func entry(at path: String, _ pid: Int32) -> Entry? {
        guard let bytes = contents(path), let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields[0].first,
            let group = Int32(String(decoding: fields[2], as: UTF8.self)),
            let start = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        return Entry(pid: pid, state: state, group: group, start: start)
    }

    /// The `flags:` line is octal; its low two bits are the access mode.
    private static func isWritable(_ path: String) -> Bool {
        guard let bytes = contents(path) else { return false }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("flags:") {
            let digits = line.dropFirst(6).drop { $0 == " " || $0 == "\t" }
            return (Int(digits, radix: 8) ?? 0) & 3 != 0
        }
        return false
    }

    private static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? Array(bytes[0..<count]) : nil
    }

    private static func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[0..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let item = readdir(stream) {
            let name = withUnsafePointer(to: &item.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
