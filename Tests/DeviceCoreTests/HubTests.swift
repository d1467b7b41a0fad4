import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

/// A mesh with a hub, over the model of one.
@Suite struct HubTests {
    static func ready(_ count: Int) throws -> MiniMesh {
        var mesh = DeviceTests.ready(count)
        mesh.hub.fence = HubFence(
            revision: Revision(number: 1 << 50), token: .none, sequence: 0, device: mesh.ids[0], mirrored: nil)
        let address = try HubAddress(url: "/srv/hub.git", branch: "main")
        mesh.give(.request(tag: 90, .hub(.put(HubRecord(address: address, fencing: .fenceRef)))), to: 0)
        mesh.run(.seconds(2)) { $0.reply(to: 90) != nil }
        #expect(mesh.reply(to: 90) == .done)
        return mesh
    }

    static func sync(_ mesh: inout MiniMesh, _ tree: UInt64, on place: Int) {
        mesh.write(tree, on: place)
        mesh.run(.seconds(8)) { mesh in mesh.nodes.allSatisfy { !$0.isUp || $0.tree == tree } }
        #expect(mesh.nodes.allSatisfy { !$0.isUp || $0.tree == tree })
        // The round's last words.
        mesh.run(.milliseconds(100))
    }

    @Test func roundsArriveOnTheHub() throws {
        var mesh = try Self.ready(3)
        for tree: UInt64 in [5, 6, 7] {
            mesh.nodes.indices.forEach {
                mesh.give(.request(tag: 0, .set(Setting(key: "sync.min-interval", value: "1s"))), to: $0)
            }
            Self.sync(&mesh, tree, on: Int(tree % 3))
            mesh.run(.seconds(1))
            #expect(mesh.hub.head == mesh.heads[0])
        }
        #expect(mesh.hub.pushes.last?.mirrored == mesh.hub.head)
        #expect(mesh.nodes.allSatisfy { $0.device.hubFacts?.state == .current })
    }

    @Test func aNewLeaderTakesTheFence() throws {
        var mesh = try Self.ready(3)
        Self.sync(&mesh, 5, on: 1)
        mesh.run(.seconds(1))
        let old = mesh.leaders[0]
        let before = try #require(mesh.hub.fence)
        mesh.crash(old)
        mesh.run(.seconds(20)) { $0.hub.fence?.token ?? .none > before.token }
        let leader = try #require(mesh.leaders.first)
        #expect(mesh.hub.fence?.device == mesh.ids[leader] && mesh.hub.fence?.mirrored == before.mirrored)
    }

    @Test func aHubThatIsAwayHoldsNoRoundAndIsCaughtUp() throws {
        var mesh = try Self.ready(3)
        Self.sync(&mesh, 5, on: 1)
        mesh.run(.seconds(1))
        mesh.hub.isAway = true
        mesh.give(.request(tag: 0, .set(Setting(key: "sync.min-interval", value: "1s"))), to: 0)
        for tree: UInt64 in [6, 7, 8] { Self.sync(&mesh, tree, on: 2) }
        mesh.run(.seconds(40))
        let facts = mesh.nodes.compactMap(\.device.hubFacts)
        #expect(facts.count == 3 && facts.allSatisfy { $0.state == .away && $0.roundsBehind == 3 })
        mesh.hub.isAway = false
        let isCaughtUp = mesh.run(.seconds(300)) { mesh in
            mesh.hub.head == mesh.heads[0] && mesh.nodes.allSatisfy { $0.device.hubFacts?.state == .current }
        }
        #expect(isCaughtUp)
    }

    @Test func aForeignPushStartsARoundAndReachesEverybody() throws {
        var mesh = try Self.ready(3)
        Self.sync(&mesh, 5, on: 1)
        mesh.run(.seconds(1))
        let foreign = Revision(number: 99 << 32 | 1)
        mesh.hub.parents[foreign] = [mesh.hub.head].compactMap { $0 }
        mesh.hub.head = foreign
        let isThere = mesh.run(.seconds(60)) { mesh in mesh.nodes.allSatisfy { $0.tree == 99 } }
        #expect(isThere)
        mesh.run(.seconds(1))
        #expect(mesh.hub.head == mesh.heads[0] && mesh.hub.reaches(foreign, from: mesh.hub.head))
    }

    @Test func aRewrittenBranchWaitsForAPersonWhileRoundsGoOn() throws {
        var mesh = try Self.ready(3)
        Self.sync(&mesh, 5, on: 1)
        mesh.run(.seconds(1))
        let forced = Revision(number: 50 << 32 | 3)
        mesh.hub.head = forced
        mesh.run(.seconds(60)) { $0.nodes.allSatisfy { $0.device.hubFacts?.state == .rewritten } }
        mesh.give(.request(tag: 0, .set(Setting(key: "sync.min-interval", value: "1s"))), to: 0)
        Self.sync(&mesh, 60, on: 2)
        mesh.run(.seconds(40))
        #expect(mesh.hub.head == forced)
        mesh.give(
            .request(tag: 91, .hub(.accept(HubAcceptance(head: forced, replaces: true)))), to: 2)
        mesh.run(.seconds(5)) { $0.hub.head == $0.heads[0] }
        #expect(mesh.hub.head == mesh.heads[0] && mesh.hub.pushes.last?.replaces == true)
    }

    @Test func whenNothingHappensTheHubIsOnlyLookedAtNowAndThen() throws {
        var mesh = try Self.ready(3)
        Self.sync(&mesh, 5, on: 1)
        mesh.run(.seconds(5))
        let (looks, pushes) = (mesh.hub.looks, mesh.hub.pushes.count)
        mesh.run(.seconds(300))
        #expect(mesh.hub.pushes.count == pushes)
        #expect((9...11).contains(mesh.hub.looks - looks))
    }

    @Test func withoutAHubThereIsNothingToAccept() {
        var mesh = DeviceTests.ready(1)
        mesh.give(.request(tag: 5, .hub(.accept(HubAcceptance(head: nil, replaces: false)))), to: 0)
        mesh.run(.seconds(1)) { $0.reply(to: 5) != nil }
        #expect(mesh.reply(to: 5) == .refused(.noHub))
    }
}
