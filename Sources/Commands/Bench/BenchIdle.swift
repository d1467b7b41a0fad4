import Primitives

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the kernel says of one process.
struct ProcessReading: Sendable {
    /// User and system time with that of ended children, in clock ticks.
    var ticks: UInt64 = 0
    /// By thread.
    var switches: [String: UInt64] = [:]
    /// KiB.
    var memory: [String: UInt64] = [:]

    init(_ pid: Int32) {
        let line = String(fileAt: "/proc/\(pid)/stat")
        if let end = line.lastIndex(of: ")") {
            // Fields 14 to 17; the first after the name is the third.
            let fields = line[end...].split(separator: " ").dropFirst()
            ticks = fields.dropFirst(11).prefix(4).reduce(0) { $0 + (UInt64($1) ?? 0) }
        }
        for thread in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? [] {
            let rows = Self.rows("/proc/\(pid)/task/\(thread)/status")
            switches[thread] = (rows["voluntary_ctxt_switches"] ?? 0) + (rows["nonvoluntary_ctxt_switches"] ?? 0)
        }
        memory = Self.rows("/proc/\(pid)/smaps_rollup")
    }

    private static func rows(_ path: String) -> [String: UInt64] {
        var rows: [String: UInt64] = [:]
        for line in String(fileAt: path).split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == ":" || $0 == " " || $0 == "\t" })
            if let name = words.first, words.count > 1, let value = UInt64(words[1]) { rows[String(name)] = value }
        }
        return rows
    }

    static func children(of pid: Int32) -> [Int32] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return threads.flatMap { thread in
            String(fileAt: "/proc/\(pid)/task/\(thread)/children").split(separator: " ").compactMap { Int32($0) }
        }
    }
}

/// Some processes over a span of time.
private struct IdleSamples {
    var cpuPercent = BenchSamples()
    var switches = BenchSamples()
    var resident = BenchSamples()
    var share = BenchSamples()
    var dirty = BenchSamples()

    mutating func add(_ before: ProcessReading, _ after: ProcessReading, _ span: Duration) {
        let seconds = span.fractionalMilliseconds / 1000
        let ticks = Double(after.ticks &- before.ticks)
        cpuPercent.add(ticks / Double(sysconf(Int32(_SC_CLK_TCK))) / seconds * 100)
        // Threads that ended meanwhile are not counted.
        let turns = after.switches.reduce(UInt64(0)) { $0 &+ ($1.value &- (before.switches[$1.key] ?? 0)) }
        switches.add(Double(turns) / seconds)
        resident.add(Double(after.memory["Rss"] ?? 0) / 1024)
        share.add(Double(after.memory["Pss"] ?? 0) / 1024)
        dirty.add(Double(after.memory["Private_Dirty"] ?? 0) / 1024)
    }
}

extension Bench {
    /// Nothing changes, nobody asks: what the agents cost.
    func idle(_ mesh: BenchMesh) async throws {
        let view = try await mesh.view(apart: false)
        var pids: [(pid: Int32, isLeader: Bool)] = []
        for device in mesh.devices { pids.append((try await mesh.pid(device), device == view.quorum)) }
        let others = try await etcd?.pids() ?? []
        try await Task.sleep(for: .seconds(options.isQuick ? 1 : 5))
        let watch = Stopwatch()
        let before = pids.map { ProcessReading($0.pid) }
        let besideBefore = others.map { ProcessReading($0.pid) }
        try await Task.sleep(for: .seconds(options.isQuick ? 8 : 30))
        let after = pids.map { ProcessReading($0.pid) }
        let besideAfter = others.map { ProcessReading($0.pid) }
        let span = watch.elapsed
        for isLeader in [true, false] {
            var (ours, theirs) = (IdleSamples(), IdleSamples())
            for (at, entry) in pids.enumerated() where entry.isLeader == isLeader {
                ours.add(before[at], after[at], span)
            }
            for (at, entry) in others.enumerated() where entry.isLeader == isLeader {
                theirs.add(besideBefore[at], besideAfter[at], span)
            }
            addIdle(isLeader ? "leader" : "follower", ours, others.isEmpty ? nil : theirs)
        }
        var held = BenchSamples()
        for entry in pids {
            let children = ProcessReading.children(of: entry.pid).map { ProcessReading($0) }
            held.add(Double(children.reduce(0) { $0 + ($1.memory["Pss"] ?? 0) }) / 1024)
        }
        add(BenchFigure(name: "idle agent's git processes, PSS", unit: "MiB", samples: held))
    }

    private func addIdle(_ role: String, _ ours: IdleSamples, _ theirs: IdleSamples?) {
        let beside = { (part: KeyPath<IdleSamples, BenchSamples>) in
            theirs.map { BenchFigure.Beside(what: "etcd", samples: $0[keyPath: part]) }
        }
        add(
            BenchFigure(
                name: "idle \(role), CPU of a core", unit: "%", samples: ours.cpuPercent, beside: beside(\.cpuPercent),
                goal: .atMost(aim: 0.5)))
        add(
            BenchFigure(
                name: "idle \(role), context switches", unit: "/s", samples: ours.switches, beside: beside(\.switches)))
        add(
            BenchFigure(
                name: "idle \(role), RSS", unit: "MiB", samples: ours.resident, beside: beside(\.resident),
                goal: .atMost(aim: 40)))
        add(BenchFigure(name: "idle \(role), PSS", unit: "MiB", samples: ours.share, beside: beside(\.share)))
        add(BenchFigure(name: "idle \(role), private dirty", unit: "MiB", samples: ours.dirty, beside: beside(\.dirty)))
    }
}
