# SPDX-License-Identifier: Apache-2.0
"""Computes the statistics of host/abtest with SciPy, statsmodels and scikit-learn;
writes fixtures.json. pip install scipy==1.17.1 statsmodels==0.15.0 scikit-learn==1.9.1."""
import json, platform, warnings
import numpy, scipy, sklearn, statsmodels
from scipy import stats
from sklearn.metrics import log_loss
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

warnings.simplefilter("ignore")
r = numpy.random.default_rng(20261122)
out = {"versions": {"python": platform.python_version(), "numpy": numpy.__version__, "scipy": scipy.__version__,
                    "statsmodels": statsmodels.__version__, "scikit-learn": sklearn.__version__}}

pairs = {
    "normal": (r.normal(0, 1, 40), r.normal(0.8, 2, 55)),
    "same": (r.normal(3, 1, 30), r.normal(3, 1, 30)),
    "skewed": (r.exponential(1, 120), r.exponential(1.3, 80)),
    "ties": (r.integers(0, 5, 60).astype(float), r.integers(1, 6, 45).astype(float)),
    "far": (r.normal(1e9, 1e-2, 25), r.normal(1e9 + 0.01, 1e-2, 25)),
    "tiny": (numpy.array([1.0, 2.0]), numpy.array([2.0, 4.0])),
}
out["two"] = []
for name, (a, b) in pairs.items():
    w = stats.ttest_ind(b, a, equal_var=False)
    ci = w.confidence_interval(0.95)
    sp = numpy.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2))
    ks = stats.ks_2samp(a, b, method="exact")
    out["two"].append({"name": name, "a": a.tolist(), "b": b.tolist(), "t": w.statistic, "p": w.pvalue,
                       "low": ci.low, "high": ci.high, "d": (b.mean() - a.mean()) / sp, "ks": ks.statistic, "ks_p": ks.pvalue})
out["kolmogorov"] = [[x, float(stats.kstwobign.sf(x))] for x in [0.01, 0.2, 0.5, 0.8, 0.99, 1.0, 1.36, 2.0, 3.0]]

out["shares"] = []
for ka, na, kb, nb in [(10, 100, 20, 100), (0, 50, 3, 60), (56, 70, 48, 80), (500, 1000, 530, 1000), (1, 10, 9, 10), (0, 40, 0, 30), (40, 40, 30, 30)]:
    low, high = confint_proportions_2indep(kb, nb, ka, na, method="newcomb", compare="diff")
    table = numpy.array([[ka, kb], [na - ka, nb - kb]])
    chi = stats.chi2_contingency(table, correction=False) if table.sum(axis=1).all() else None
    out["shares"].append({"ka": ka, "na": na, "kb": kb, "nb": nb, "low": low, "high": high,
                          "chi": chi.statistic if chi else None, "chi_p": chi.pvalue if chi else None,
                          "fisher": stats.fisher_exact(table).pvalue,
                          "wilson": list(proportion_confint(ka, na, method="wilson"))})
out["chi"] = []
for t in [[[10, 20], [30, 25], [5, 9]], [[100, 90], [50, 60], [25, 25], [3, 9]]]:
    c = stats.chi2_contingency(numpy.array(t), correction=False)
    out["chi"].append({"counts": t, "chi": c.statistic, "p": c.pvalue})

out["paired"] = []
for name, d in {"small": r.normal(0.4, 1, 12), "large": r.normal(0.1, 1, 200), "ties": r.integers(-4, 6, 40).astype(float)}.items():
    t = stats.ttest_1samp(d, 0)
    ci = t.confidence_interval(0.95)
    exact = name == "small"
    w = stats.wilcoxon(d, zero_method="wilcox", correction=False, method="exact" if exact else "asymptotic")
    out["paired"].append({"name": name, "d": d.tolist(), "t": t.statistic, "p": t.pvalue, "low": ci.low, "high": ci.high,
                          "w": w.statistic, "w_p": w.pvalue})
out["mcnemar"] = [{"a": a, "b": b, "p": float(mcnemar([[50, a], [b, 50]], exact=True).pvalue)} for a, b in [(0, 0), (5, 15), (12, 12), (0, 7), (300, 360)]]
p = [0.01, 0.04, 0.03, 0.005, 0.5, 0.5, 1e-9]
out["holm"] = {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()}

y, q = r.integers(0, 2, 50), numpy.concatenate([r.uniform(0, 1, 48), [0.0, 1.0]])
out["log_loss"] = {"y": y.tolist(), "p": q.tolist(), "value": log_loss(y, q)}
truth, pa = r.normal(0, 1, 300), None
pa, pb = truth + r.normal(0, 1, 300), truth + r.normal(0, 1.4, 300)
ea, eb = (pa - truth) ** 2, (pb - truth) ** 2
diff = lambda x, y: numpy.sqrt(y.mean(-1)) - numpy.sqrt(x.mean(-1))
def boot(x, y, paired):
    g = numpy.random.default_rng(1)
    i = g.integers(0, len(x), (200000, len(x)))
    j = i if paired else g.integers(0, len(y), (200000, len(y)))
    return numpy.percentile(diff(x[i], y[j]), [2.5, 97.5]).tolist()
out["bootstrap"] = {"truth": truth.tolist(), "a": pa.tolist(), "b": pb.tolist(), "effect": float(diff(ea, eb)),
                    "split": boot(ea, eb, False), "paired": boot(ea, eb, True)}
json.dump(out, open("fixtures.json", "w"), indent=1)
open("fixtures.json", "a").write("\n")
