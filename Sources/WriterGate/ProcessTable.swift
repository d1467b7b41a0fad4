import CSystemCalls

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
        let parent: Int32
        let group: Int32
        /// Clock ticks after boot.
        let start: UInt64

        /// Stopped, traced or dead: it executes nothing.
        var isStill: Bool {
            isDead || state == UInt8(ascii: "T") || state == UInt8(ascii: "t")
        }

        /// Ended, perhaps not yet reaped.
        var isDead: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
    }

    static func entry(_ pid: Int32) -> Entry? { entry(at: "/proc/\(pid)/stat", pid) }

    /// Every process of `group` and every descendant of `root`, the dead that were not reaped included, but not `root`
    /// and not what is below `except`; in the order of ids.
    static func family(group: Int32, root: Int32, except: Int32?) -> [Entry] {
        let all = names(in: "/proc").compactMap { Int32($0) }.sorted().compactMap(entry)
        let children = Dictionary(grouping: all, by: \.parent)
        var descendants: Set<Int32> = []
        var next = [root]
        while let parent = next.popLast() {
            for child in children[parent] ?? [] where child.pid != except {
                if descendants.insert(child.pid).inserted { next.append(child.pid) }
            }
        }
        return all.filter { $0.pid != root && ($0.group == group || descendants.contains($0.pid)) }
    }

    /// Whether no thread of `process` can execute.
    static func isStill(_ process: Entry) -> Bool {
        guard process.isStill else { return false }
        return names(in: "/proc/\(process.pid)/task").compactMap { Int32($0) }.allSatisfy { thread in
            entry(at: "/proc/\(process.pid)/task/\(thread)/stat", thread)?.isStill ?? true
        }
    }

    /// A file below `directory` that one of `processes` has open for writing; the process itself where its files
    /// cannot be seen. Nil if there is none.
    static func openForWriting(below directory: String, by processes: [Entry]) -> String? {
        for member in processes where !member.isDead {
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

    /// Signals this very process, never a later one of the same id. False if it has ended.
    @discardableResult
    static func signal(_ process: Entry, _ signal: Int32) -> Bool {
        let descriptor = csystem_pidfd_open(process.pid)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard entry(process.pid)?.start == process.start else { return false }
        return (descriptor >= 0 ? csystem_signal_process(descriptor, signal) : kill(process.pid, signal)) == 0
    }

    /// Continues `group` if its leader is still the process that was registered; a recycled id is never signalled.
    static func thaw(_ group: ProcessGroupID) -> Bool {
        guard group.group > 1, group.leaderStart > 0, let leader = entry(group.group), leader.group == group.group,
            leader.start == group.leaderStart
        else { return false }
        CgroupFreezer.thaw(processOf: group.group)
        return kill(-group.group, SIGCONT) == 0
    }

    /// `pid (name) state ppid pgrp ...`, the start time being the 22nd; the name may hold anything, also `)`.
    private static func entry(at path: String, _ pid: Int32) -> Entry? {
        guard let bytes = contents(path), let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields[0].first,
            let parent = Int32(String(decoding: fields[1], as: UTF8.self)),
            let group = Int32(String(decoding: fields[2], as: UTF8.self)),
            let start = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        return Entry(pid: pid, state: state, parent: parent, group: group, start: start)
    }

    /// The `flags:` line is octal; its low two bits are the access mode.
    static func isWritable(_ path: String) -> Bool {
        guard let bytes = contents(path) else { return false }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("flags:") {
            let digits = line.dropFirst(6).drop { $0 == " " || $0 == "\t" }
            return (Int(digits, radix: 8) ?? 0) & 3 != 0
        }
        return false
    }

    /// A file of `/proc` that may be long, up to 1 MiB.
    static func wholeContents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16_384)
        while all.count < 1 << 20 {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            all += piece[0..<count]
        }
        return all
    }

    /// The first 4 KiB of a file.
    static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? Array(bytes[0..<count]) : nil
    }

    static func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[0..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    static func names(in directory: String) -> [String] {
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
