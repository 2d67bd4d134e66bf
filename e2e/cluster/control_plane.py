"""etcd, API server, controllers and scheduler: child processes on loopback, or on the link to the node. No root needed."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

from e2e.cluster import kubeconfig
from e2e.cluster.build import Programs
from e2e.cluster.certificates import Authority, Pair, authority, key_pair
from e2e.cluster.place import Place
from e2e.cluster.probe import Access, Ready, https_ready, own_https_ready
from e2e.cluster.process import Process

_ADMINS = "system:masters"
_LOOPBACK = IPv4Address("127.0.0.1")
_API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
)


class ControlPlane:
    """`prepare` once writes what the components read; then each is a Process of its own. The scheduler runs only where there is a node."""

    def __init__(self, place: Place, programs: Programs) -> None:
        self.place = place
        self.folder = place.folder
        self._programs = programs
        self.etcd = self._etcd()
        self.api_server = self._api_server()
        self.controllers = self._controllers()
        self.scheduler = self._scheduler()

    @property
    def url(self) -> str:
        return f"https://{self.place.api_address}:{self.place.api_port}"

    @property
    def admin(self) -> Path:
        """The kubeconfig of somebody who may do everything."""
        return self.folder / "admin.kubeconfig"

    @property
    def admin_access(self) -> Access:
        """For this harness itself."""
        place, authority = self.place, self.certificates / "ca.crt"
        return Access(str(place.api_address), place.api_port, authority, self._pair("admin-client"))

    @property
    def certificates(self) -> Path:
        return self.folder / "certificates"

    @property
    def processes(self) -> tuple[Process, ...]:
        """In the order of their start."""
        scheduler = (self.scheduler,) if self.place.node else ()
        return (self.etcd, self.api_server, self.controllers, *scheduler)

    def prepare(self) -> Authority:
        """Certificates, keys and kubeconfigs. Returns the cluster's authority, which signs for the node too."""
        cluster = authority("ca", self.certificates)
        store = authority("etcd-ca", self.certificates)
        store.sign("etcd", "etcd", hosts=["localhost", _LOOPBACK])
        store.sign("etcd-client", "kube-apiserver")
        addresses = dict.fromkeys((_LOOPBACK, self.place.api_address, self.place.services[1]))
        cluster.sign("api-server", "kube-apiserver", hosts=[*_API_NAMES, *addresses])
        cluster.sign("api-server-to-kubelet", "kube-apiserver", organizations=[_ADMINS])
        key_pair("service-accounts", self.certificates)
        self.user(cluster, "admin", "haloy-e2e-admin", _ADMINS)
        # All controllers as one user: with one each, they are made while the cluster is in use already, and a restart of the API server
        # in that time ends them.
        self.user(cluster, "controllers", "system:kube-controller-manager", _ADMINS)
        self.user(cluster, "scheduler", "system:kube-scheduler")
        return cluster

    def user(self, signer: Authority, name: str, user: str, *groups: str) -> Path:
        """Makes NAME.kubeconfig for somebody."""
        pair = signer.sign(f"{name}-client", user, organizations=groups)
        return kubeconfig.write(
            self.folder / f"{name}.kubeconfig",
            server=self.url,
            authority=signer.file,
            client=pair,
            cluster=self.place.name,
        )

    def start(self) -> None:
        """Raises ComponentFailedError, which names the component."""
        self.etcd.start()
        self.api_server.start()
        rest = self.processes[2:]
        for process in rest:
            process.launch()
        for process in rest:
            process.wait()

    def _pair(self, name: str) -> Pair:
        return Pair(self.certificates / f"{name}.crt", self.certificates / f"{name}.key")

    def _etcd(self) -> Process:
        host, port, peers = _LOOPBACK, self.place.etcd_port, self.place.etcd_peer_port
        server, ca = self._pair("etcd"), self.certificates / "etcd-ca.crt"
        flags = {
            "name": "etcd",
            "data-dir": self.folder / "etcd",
            "listen-client-urls": f"https://{host}:{port}",
            "advertise-client-urls": f"https://{host}:{port}",
            "listen-peer-urls": f"https://{host}:{peers}",
            "initial-advertise-peer-urls": f"https://{host}:{peers}",
            "initial-cluster": f"etcd=https://{host}:{peers}",
            "cert-file": server.certificate,
            "key-file": server.key,
            "trusted-ca-file": ca,
            "client-cert-auth": "true",
            "peer-cert-file": server.certificate,
            "peer-key-file": server.key,
            "peer-trusted-ca-file": ca,
            "peer-client-cert-auth": "true",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        access = Access(str(host), port, ca, self._pair("etcd-client"))
        return self._process("etcd", flags, https_ready(access, "/readyz"))

    def _api_server(self) -> Process:
        place, store, own = self.place, self._pair("etcd-client"), self._pair("api-server")
        kubelet, tokens = self._pair("api-server-to-kubelet"), self._pair("service-accounts")
        flags = {
            "etcd-servers": f"https://{_LOOPBACK}:{place.etcd_port}",
            "etcd-cafile": self.certificates / "etcd-ca.crt",
            "etcd-certfile": store.certificate,
            "etcd-keyfile": store.key,
            "bind-address": place.api_address,
            "advertise-address": place.api_address,
            "secure-port": place.api_port,
            # Endpoints may not be loopback addresses, so without a node the Service `kubernetes` has none.
            "endpoint-reconciler-type": "lease" if place.node else "none",
            "cert-dir": self.folder / "api-server",
            "tls-cert-file": own.certificate,
            "tls-private-key-file": own.key,
            "client-ca-file": self.certificates / "ca.crt",
            "kubelet-certificate-authority": self.certificates / "ca.crt",
            "kubelet-client-certificate": kubelet.certificate,
            "kubelet-client-key": kubelet.key,
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.certificates / "service-accounts.pub",
            "service-account-signing-key-file": tokens.key,
            "service-cluster-ip-range": place.services,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "profiling": "false",
            # A stop ends watches at once, and does not wait a minute for those who watch.
            "shutdown-delay-duration": "0s",
            "shutdown-send-retry-after": "true",
            "shutdown-watch-termination-grace-period": "1s",
        }
        return self._process("kube-apiserver", flags, https_ready(self.admin_access, "/readyz"))

    def _controllers(self) -> Process:
        flags = {
            **self._common(self.place.controllers_port, "controllers"),
            "root-ca-file": self.certificates / "ca.crt",
            "service-account-private-key-file": self.certificates / "service-accounts.key",
            "service-cluster-ip-range": self.place.services,
            "kube-api-qps": 200,
            "kube-api-burst": 400,
            # A test that stops a node must not wait five minutes to see it noticed.
            "node-monitor-period": "2s",
            "node-monitor-grace-period": "20s",
        }
        return self._process("kube-controller-manager", flags, self._healthz(self.place.controllers_port))

    def _scheduler(self) -> Process:
        flags = self._common(self.place.scheduler_port, "scheduler")
        return self._process("kube-scheduler", flags, self._healthz(self.place.scheduler_port))

    def _common(self, port: int, user: str) -> dict[str, object]:
        file = self.folder / f"{user}.kubeconfig"
        return {
            "kubeconfig": file,
            "authentication-kubeconfig": file,
            "authorization-kubeconfig": file,
            "bind-address": _LOOPBACK,
            "secure-port": port,
            "cert-dir": self.folder / user,
            "leader-elect": "false",
            "profiling": "false",
        }

    def _healthz(self, port: int) -> Ready:
        return own_https_ready(str(_LOOPBACK), port, "/healthz")

    def _process(self, program: str, flags: Mapping[str, object], ready: Ready) -> Process:
        words = [str(self._programs[program]), *(f"--{name}={value}" for name, value in flags.items())]
        return Process(program, self.folder, words, ready=ready)
