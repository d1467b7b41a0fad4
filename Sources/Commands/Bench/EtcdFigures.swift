#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// The figures of etcd beside ours.

extension EtcdMesh {
    private struct Anything: Decodable, Sendable {}

    private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    private func member(_ role: Role) async throws -> Int {
        let leader = try await leader()
        return role == .leader ? leader : (leader + 1) % everyone.count
    }

    /// Lock and unlock by the lock service, many times over one connection of one process.
    func locks(_ runs: Int, at role: Role) async throws -> BenchSamples {
        let place = try await member(role)
        let lease = 7000 + (role == .leader ? 1 : 2)
        try await grant(lease, seconds: 300, at: place)
        let body = [
            ("lock", "{\"name\":\"\(Self.base64("bench"))\",\"lease\":\"\(lease)\"}"),
            ("unlock", "{\"key\":\"\(Self.base64("bench/" + String(lease, radix: 16)))\"}"),
        ]
        var requests: [String] = []
        for _ in 0..<(runs + 10) {
            for (call, data) in body {
                let quoted = data.replacing("\"", with: "\\\"")
                requests.append(
                    ["url = \"\(url(of: place))/v3/lock/\(call)\"", "data = \"\(quoted)\"", "output = \"/dev/null\""]
                        .joined(separator: "\n") + "\n" + credentialLines
                        + "write-out = \"%{http_code} %{time_total}\\n\"\nsilent\n")
            }
        }
        let file = try write(requests.joined(separator: "next\n"), as: "locks")
        let ended = try await curl(["--config", file]).end(within: .seconds(120))
        var times: [Double] = []
        for line in ended.output.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, words[0] == "200", let seconds = Double(words[1]) else {
                throw DemoFailure("etcd's lock service answers \(line)")
            }
            times.append(seconds * 1000)
        }
        guard times.count == requests.count else { throw DemoFailure("etcd's lock service: \(ended.complaint)") }
        return BenchSamples(stride(from: 20, to: times.count, by: 2).map { times[$0] + times[$0 + 1] })
    }

    private var credentialLines: String {
        var text = ""
        let words = credentials
        for at in stride(from: 0, to: words.count, by: 2) {
            text += "\(words[at].dropFirst(2)) = \"\(words[at + 1])\"\n"
        }
        return text
    }

    private func grant(_ lease: Int, seconds: Int, at place: Int) async throws {
        _ = try await ask(place, "lease/grant", "{\"TTL\":\"\(seconds)\",\"ID\":\"\(lease)\"}", as: Anything.self)
    }

    /// The request alone, without the making of the connection.
    func moves(_ runs: Int) async throws -> BenchSamples {
        var samples = BenchSamples()
        for _ in 0..<runs {
            let leader = try await leader()
            let target = try await status((leader + 1) % everyone.count).header.member
            let child = try curl(
                [
                    "--silent", "--show-error", "--output", "/dev/null", "--write-out",
                    "%{http_code} %{time_appconnect} %{time_total}", "--data", "{\"targetID\":\"\(target)\"}",
                    "\(url(of: leader))/v3/maintenance/transfer-leadership",
                ] + credentials)
            let words = try await child.end(within: .seconds(20)).output.split(separator: " ")
            guard words.count == 3, words[0] == "200", let begun = Double(words[1]), let end = Double(words[2]) else {
                throw DemoFailure("etcd does not move its leader: \(words)")
            }
            samples.add((end - begun) * 1000)
        }
        return samples
    }

    /// A holder stops renewing its lease of 3 s, until the next waiter has the lock.
    func leaseFailovers(_ runs: Int) async throws -> BenchSamples {
        var samples = BenchSamples()
        for run in 0..<runs {
            let place = try await member(.leader)
            let (holder, waiter) = (8000 + 2 * run, 8001 + 2 * run)
            try await grant(holder, seconds: 3, at: place)
            try await grant(waiter, seconds: 60, at: place)
            let name = Self.base64("failover-\(run)")
            let take = { (lease: Int) in "{\"name\":\"\(name)\",\"lease\":\"\(lease)\"}" }
            _ = try await ask(place, "lock/lock", take(holder), as: Anything.self)
            let next = try begin(place, "lock/lock", take(waiter))
            _ = try await ask(place, "lease/keepalive", "{\"ID\":\"\(holder)\"}", as: Anything.self)
            // Our holders die between two renewals too.
            try await Task.sleep(for: .milliseconds(run * 170 % 500))
            let watch = Stopwatch()
            let ended = try await next.end(within: .seconds(20))
            guard ended.status == 0, ended.output.contains("key") else {
                throw DemoFailure("etcd's lock was not passed on: \(ended.output)\(ended.complaint)")
            }
            samples.add(watch.elapsed)
        }
        return samples
    }

    /// kill -9 of the leader until another member names another one. A look takes a process: some 20 ms.
    func leaderFailovers(_ runs: Int) async throws -> BenchSamples {
        var samples = BenchSamples()
        for _ in 0..<runs {
            let leader = try await leader()
            let other = (leader + 1) % everyone.count
            let old = try await status(leader).header.member
            let watch = Stopwatch()
            await kill(leader)
            while true {
                // While there is none it may not answer.
                let seen = try? await status(other).leader
                if let seen, seen != old, seen != "0" { break }
                guard watch.elapsed < .seconds(20) else { throw DemoFailure("etcd elects nobody") }
                try await Task.sleep(for: .milliseconds(2))
            }
            samples.add(watch.elapsed)
            try await restart(leader)
        }
        return samples
    }
}
