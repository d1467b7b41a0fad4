import AgentRuntime
import CSystemCalls
import ControlSocket
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Bench {
    /// A lock acquired and released over a connection that is held, on the quorum's leader and on a follower.
    func locks(_ mesh: BenchMesh) async throws {
        let disk = try diskSyncs(options.runs(200, quick: 50))
        add(BenchFigure(name: "4 KiB written and synced to this disk", unit: "ms", samples: disk))
        let view = try await mesh.view()
        let follower = mesh.demo.place.others(than: view.quorum)[0]
        for (device, role) in [(view.quorum, EtcdMesh.Role.leader), (follower, .follower)] {
            let client = try await ControlClient.connect(home: device.home)
            let runs = options.runs(200, quick: 50)
            var samples = BenchSamples()
            for number in 0..<(runs + 10) {
                let watch = Stopwatch()
                let call = LockCall(name: "bench")
                let _: LockReport = try await client.call(ControlCall.lock, call)
                let _: EmptyBody = try await client.call(ControlCall.unlock, call)
                if number >= 10 { samples.add(watch.elapsed) }
            }
            await client.close()
            let beside = try await etcd?.locks(runs, at: role)
            add(
                BenchFigure(
                    name: "lock acquire + release, on the quorum \(role.rawValue)", unit: "ms", samples: samples,
                    beside: beside.map { .init(what: "etcd, gateway", samples: $0) }, goal: .atMost(aim: 2)))
        }
    }

    /// What a log entry costs at least on each of two devices: one write and one fdatasync.
    private func diskSyncs(_ runs: Int) throws -> BenchSamples {
        let file = open(root + "/synced", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw DemoFailure("\(root)/synced cannot be written") }
        defer { close(file) }
        var samples = BenchSamples()
        let bytes = [UInt8](repeating: 1, count: 4096)
        for _ in 0..<runs {
            let watch = Stopwatch()
            guard write(file, bytes, bytes.count) == bytes.count, csystem_full_sync(file) == 0 else {
                throw DemoFailure("\(root)/synced cannot be synced")
            }
            samples.add(watch.elapsed)
        }
        return samples
    }

    /// The sync lock, passed on; as the agent that did it says and as the target shows it.
    func handoffs(_ mesh: BenchMesh) async throws {
        var (took, seen) = (BenchSamples(), BenchSamples())
        let runs = options.runs(30, quick: 8)
        try await mesh.everyoneIsUpToDate()
        for number in 0..<runs {
            let view = try await mesh.view()
            let target = mesh.demo.place.others(than: view.holder.device)[number % 2]
            let client = try await ControlClient.connect(home: target.home)
            let watch = Stopwatch()
            async let leads = Self.leads(client, target, watch)
            let report = try await mesh.handOff(from: view.holder.device, to: target)
            took.add(report.took_s * 1000)
            seen.add(try await leads)
            await client.close()
        }
        let beside = try await etcd?.moves(options.runs(10, quick: 4))
        let etcd = beside.map { BenchFigure.Beside(what: "etcd move-leader", samples: $0) }
        add(
            BenchFigure(
                name: "handoff of the sync lock, by its report", unit: "ms", samples: took, beside: etcd,
                goal: .atMost(aim: 20, must: 100)))
        add(
            BenchFigure(
                name: "handoff, until the target shows its lease", unit: "ms", samples: seen, beside: etcd,
                goal: .atMost(aim: 20, must: 100)))
    }

    /// When an agent first shows itself as the leader with a lease that may act.
    private static func leads(_ client: ControlClient, _ device: DemoDevice, _ watch: Stopwatch) async throws -> Double
    {
        while watch.elapsed < .seconds(20) {
            let report: StatusReport = try await client.call(ControlCall.status, EmptyBody())
            if report.mayLead { return watch.elapsed.fractionalMilliseconds }
        }
        throw DemoFailure("\(device.name) does not lead")
    }
}

extension StatusReport {
    /// This device holds the sync lock, and its lease is one that it may act under.
    var mayLead: Bool { leader.map { $0.device == self.`self` && ($0.lease_remaining_s ?? 0) > 0 } ?? false }
}
