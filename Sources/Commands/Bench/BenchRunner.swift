import Synchronization

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

/// Runs the benchmark; whichever way it ends, no process and no file of it is left.
struct BenchRunner: Sendable {
    let options: BenchOptions
    let console: Console

    init(_ options: BenchOptions, _ console: Console) {
        self.options = options
        self.console = console
    }

    func run() async -> Int32 {
        let bench: Bench
        do {
            bench = try Bench(options, console)
        } catch {
            console.note("baton: \(error)")
            return Exit.failed
        }
        let caught = Caught()
        let work = Task { try await bench.measure() }
        SignalPipe.pass([SIGINT, SIGTERM, SIGHUP]) { number in
            caught.signal.withLock { $0 = $0 ?? number }
            work.cancel()
        }
        let outcome = await work.result
        let number = caught.signal.withLock { $0 }
        switch outcome {
        case .success:
            await bench.end()
            return number.map { 128 + $0 } ?? Exit.done
        case .failure(let error):
            await bench.end(keepsFiles: number == nil)
            if let number { return 128 + number }
            console.note(CommandFailure(error)?.line ?? "baton: \(error)")
            console.note("the processes are ended; what they left is in \(await bench.places)")
            return Exit.failed
        }
    }

    private final class Caught: Sendable {
        let signal = Mutex<Int32?>(nil)
    }
}

/// One run of the benchmark. What is measured is in the files `Bench...`, one topic each.
actor Bench {
    nonisolated let options: BenchOptions
    nonisolated let console: Console
    /// A directory of its own for what is no part of the mesh.
    nonisolated let root: String
    var mesh: BenchMesh?
    var etcd: EtcdMesh?
    private var figures: [BenchFigure] = []

    init(_ options: BenchOptions, _ console: Console) throws {
        self.options = options
        self.console = console
        var template = Array((Self.temporary + "/baton-bench-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil, let real = realpath(&template, nil) else {
            throw DemoFailure("no directory can be made: \(String(cString: strerror(errno)))")
        }
        defer { free(real) }
        root = String(cString: real)
    }

    func measure() async throws {
        let watch = Stopwatch()
        console.note("load \(Self.load), \(Self.processors) processors, \(options.files) files")
        if options.topics.contains(where: \.needsMesh) {
            let mesh = try BenchMesh(files: options.files, root: root, console)
            self.mesh = mesh
            try await mesh.start(root: root)
            console.note("a mesh of three runs")
        }
        for topic in BenchTopic.allCases where options.topics.contains(topic) {
            if topic.isComparable, etcd == nil { etcd = try await startEtcd() }
            let before = figures.count
            console.note("\(topic.rawValue) ... (load \(Self.load))")
            try await measure(topic)
            for figure in figures[before...] {
                console.note("  " + figure.cells.filter { !$0.isEmpty }.joined(separator: "   "))
            }
        }
        for line in BenchTable.lines(figures, isMarkdown: options.isMarkdown, console.style) { console.out(line) }
        console.out("\nload \(Self.load) at the end, \(Self.processors) processors, took \(watch.elapsed.shown)")
    }

    private func measure(_ topic: BenchTopic) async throws {
        if topic == .simulator { return try await simulator() }
        guard let mesh else { return }
        switch topic {
        case .round: try await rounds(mesh)
        case .status: try await statusCommand(mesh)
        case .hook: try await hookCommand(mesh)
        case .idle: try await idle(mesh)
        case .lock: try await locks(mesh)
        case .handoff: try await handoffs(mesh)
        case .failover: try await failovers(mesh)
        case .simulator: break
        }
    }

    func add(_ figure: BenchFigure) { figures.append(figure) }

    private var saidNoEtcd = false

    private func startEtcd() async throws -> EtcdMesh? {
        guard !saidNoEtcd else { return nil }
        if let missing = EtcdMesh.missing {
            console.note("nothing of etcd beside it: \(missing) is not installed (Debian: etcd-server, curl, openssl)")
            saidNoEtcd = true
            return nil
        }
        let etcd = EtcdMesh(root: root)
        self.etcd = etcd
        try await etcd.start()
        console.note("three members of etcd run beside it")
        return etcd
    }

    var places: String { ([root] + (mesh.map { [$0.demo.place.root] } ?? [])).joined(separator: " and ") }

    func end(keepsFiles: Bool = false) async {
        if let etcd { await etcd.end() }
        if let mesh { await mesh.demo.endEverything() }
        guard !keepsFiles else { return }
        mesh?.demo.place.remove()
        // What cannot be removed stays in the temporary directory, for the system to clear.
        try? FileManager.default.removeItem(atPath: root)
    }

    static var load: String {
        String(fileAt: "/proc/loadavg").split(separator: " ").prefix(3).joined(separator: " ")
    }

    private static var temporary: String {
        ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
    }

    static var processors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
}
