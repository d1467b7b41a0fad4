import AgentRuntime
import ControlSocket
import Foundation
import Testing

extension EndToEnd {
    @Test("RC1 RC2 RC3 two of three are killed for good: the third goes on, a new one joins, an old one loses nothing")
    func recovered() async throws {
        try await Mesh.with { mesh in
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            // Nothing is lost: refused, and nothing is changed.
            let refused = try await mesh.baton(1, ["recover", "--yes"], expecting: 9)
            #expect(refused.errors.contains("quorum") && refused.errors.contains("baton recover --force"))

            // A round that gamma does not hear of, and an edit that nobody does.
            for other in 0...1 { try await mesh.cut(2, from: other) }
            try await eventually("alpha and beta go on") {
                try await mesh.leader(seenFrom: 0).map { $0 != 2 } == true ? true : nil
            }
            try mesh.write("of two\n", to: "two.md", on: 0)
            try await mesh.agree([0, 1])
            #expect(mesh.read("two.md", on: 2) == nil)
            for place in 0...1 { mesh.signal(place, SIGKILL, pid: try await mesh.pid(place)) }
            try mesh.write("of nobody\n", to: "late.md", on: 0)

            try await eventually("gamma has no quorum") {
                try await mesh.status(2).health == "no_quorum" ? true : nil
            }
            #expect(try await mesh.baton(2, ["doctor"], expecting: nil).output.contains("baton recover"))
            let asked = try await mesh.baton(2, ["recover"], expecting: 64)
            #expect(asked.errors.contains("alpha") && asked.errors.contains("beta") && asked.errors.contains("--yes"))
            #expect(try await mesh.status(2).mesh.epoch == 1)
            try await mesh.baton(2, ["recover", "--yes"])
            // It was on the disk before it was said.
            mesh.signal(2, SIGKILL, pid: try await mesh.pid(2))
            try await mesh.up(2)
            #expect(try await mesh.status(2).mesh.epoch == 2)
            let rows = try await mesh.audit(2, kind: "recovered")
            #expect(rows.last?.summary.contains("epoch 2") == true && rows.last?.summary.contains("alpha") == true)

            try mesh.write("of gamma\n", to: "gamma.md", on: 2)
            try await mesh.agree([2])
            try await mesh.add("delta", inviter: 2) { _ in }
            try mesh.write("of delta\n", to: "delta.md", on: 3)
            try await mesh.agree([2, 3])
            #expect(mesh.read("delta.md", on: 2) == "of delta\n")
            #expect(try await mesh.status(3).mesh.epoch == 2)

            try await mesh.up(0)
            try await eventually("alpha is in the new epoch") {
                try await mesh.status(0).mesh.epoch == 2 ? true : nil
            }
            try await mesh.agree([2, 3, 0])
            for place in [0, 2, 3] {
                for (file, text) in [
                    ("a.md", "x\n"), ("two.md", "of two\n"), ("late.md", "of nobody\n"), ("gamma.md", "of gamma\n"),
                ] { #expect(mesh.read(file, on: place) == text, "\(file) on \(place)") }
            }
            #expect(try await mesh.audit(0, kind: "rejoined").last?.summary.contains("gamma") == true)

            try await givenUp(mesh)
        }
    }

    @Test("RC4 of two survivors that do not hear each other the hub lets one be recovered; the other joins it")
    func oneOfTwo() async throws {
        try await Mesh.with { mesh in
            let daemon = try await HubDaemon(mesh.directory)
            defer { daemon.stop() }
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            _ = try await mesh.call(
                1, ControlCall.hubAdd, HubAddCall(url: daemon.url, branch: "main", merge: true, take_over: false),
                as: HubReply.self)
            try await mesh.untilHubIs("current", daemon)
            for (one, other) in [(1, 2), (2, 1)] { try await mesh.cut(one, from: other) }
            mesh.signal(0, SIGKILL, pid: try await mesh.pid(0))
            for place in 1...2 {
                try await eventually("there is no quorum") {
                    try await mesh.status(place).health == "no_quorum" ? true : nil
                }
            }
            try mesh.write("of beta\n", to: "beta.md", on: 1)
            try mesh.write("of gamma\n", to: "gamma.md", on: 2)
            try await mesh.baton(1, ["recover", "--yes"])
            let second = try await mesh.baton(2, ["recover", "--yes"], expecting: 9)
            #expect(second.errors.contains("beta was recovered before (epoch 2)"))
            #expect(try await mesh.status(2).mesh.epoch == 1)
            for (one, other) in [(1, 2), (2, 1)] { try await mesh.cut(one, from: other, false) }
            try await eventually("gamma is in the new epoch") {
                try await mesh.status(2).mesh.epoch == 2 ? true : nil
            }
            try await mesh.agree([1, 2])
            for place in 1...2 {
                #expect(mesh.read("beta.md", on: place) == "of beta\n")
                #expect(mesh.read("gamma.md", on: place) == "of gamma\n")
            }
            try await eventually("the hub has it all") {
                let (status, there) = (try await mesh.status(1), try await daemon.head())
                return status.hub?.state == "current" && status.head != nil && there == status.head ? true : nil
            }
        }
    }

    /// Whom the recovered mesh was told to give up for good comes back all the same: it is let in nowhere, and told so.
    private func givenUp(_ mesh: Mesh) async throws {
        try await mesh.baton(2, ["devices", "remove", "beta"])
        try mesh.write("of beta\n", to: "beta.md", on: 1)
        try await mesh.up(1)
        let told = try await eventually("beta is told that it is refused") {
            let told = try await mesh.baton(1, ["doctor"], expecting: nil).output
            return told.contains("gamma refuses the key of beta") ? told : nil
        }
        #expect(told.contains("on gamma: baton invite; here, with another --home: baton join"))
        #expect(!told.contains("baton recover"))
        #expect(try await mesh.status(1).mesh.epoch == 1)
        #expect(mesh.read("beta.md", on: 1) == "of beta\n" && mesh.read("beta.md", on: 2) == nil)
    }
}

extension Mesh {
    /// A round among these devices after which their trees are equal.
    fileprivate func agree(_ places: [Int]) async throws {
        try await eventually("equal trees on \(places)", within: .seconds(90)) { () -> Bool? in
            let report = try? await sync(places[0])
            guard let report, ["published", "nothing_to_do", "caught_up"].contains(report.result) else { return nil }
            let first = tree(places[0])
            return places.allSatisfy { tree($0) == first } ? true : nil
        }
    }
}
